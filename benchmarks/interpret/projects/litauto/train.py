import argparse

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class AutoEncoder(L.LightningModule):
    def __init__(self, latent_dim=32, hidden=400, lr=1e-3, noise=0.0, act="relu", kl_weight=0.0):
        super().__init__()
        self.save_hyperparameters()
        a = nn.ReLU() if act == "relu" else nn.GELU()
        self.enc = nn.Sequential(nn.Flatten(), nn.Linear(784, hidden), a, nn.Linear(hidden, latent_dim))
        self.dec = nn.Sequential(nn.Linear(latent_dim, hidden), a, nn.Linear(hidden, 784))

    def training_step(self, batch, _):
        x, _ = batch
        noisy = x + self.hparams.noise * torch.randn_like(x)
        loss = nn.functional.mse_loss(self.dec(self.enc(noisy)), x.flatten(1))
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, _):
        x, _ = batch
        self.log("val_loss", nn.functional.mse_loss(self.dec(self.enc(x)), x.flatten(1)))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


class MNISTData(L.LightningDataModule):
    def __init__(self, root="data", batch_size=256, num_workers=2):
        super().__init__()
        self.save_hyperparameters()

    def train_dataloader(self):
        ds = datasets.MNIST(self.hparams.root, True, transforms.ToTensor(), download=True)
        return DataLoader(ds, self.hparams.batch_size, shuffle=True, num_workers=self.hparams.num_workers)

    def val_dataloader(self):
        return DataLoader(datasets.MNIST(self.hparams.root, False, transforms.ToTensor()), 512)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--latent-dim", type=int, default=32)
    parser.add_argument("--hidden", type=int, default=400)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--noise", type=float, default=0.0, help="std of gaussian noise on the input")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--max-epochs", type=int, default=20)
    parser.add_argument("--precision", default="32-true", choices=["32-true", "16-mixed", "bf16-mixed"])
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--accelerator", default="auto")
    parser.add_argument("--limit-train-batches", type=float, default=1.0)
    parser.add_argument("--clip", type=float, default=None, help="gradient clip value")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    L.seed_everything(args.seed)
    trainer = L.Trainer(
        max_epochs=args.max_epochs,
        precision=args.precision,
        devices=args.devices,
        accelerator=args.accelerator,
        limit_train_batches=args.limit_train_batches,
        gradient_clip_val=args.clip,
        callbacks=[EarlyStopping("val_loss", patience=3), ModelCheckpoint(monitor="val_loss")],
    )
    trainer.fit(AutoEncoder(args.latent_dim, args.hidden, args.lr, args.noise), MNISTData(batch_size=args.batch_size))


if __name__ == "__main__":
    main()
