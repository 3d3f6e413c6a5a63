"""A classifier of Lightning."""

import lightning as L
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Classifier(L.LightningModule):
    def __init__(self, lr=0.02):
        super().__init__()
        self.lr = lr
        self.net = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Dropout(0.1), nn.Linear(24, 3))

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        logits = self(x)
        accuracy = (logits.argmax(dim=1) == y).float().mean()
        self.log("val_loss", F.cross_entropy(logits, y), batch_size=len(y))
        self.log("val_acc", accuracy, batch_size=len(y))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)


class Data(L.LightningDataModule):
    def setup(self, stage):
        x = torch.randn(360, 6)
        y = x[:, :3].argmax(dim=1)
        self.train_set = TensorDataset(x[:300], y[:300])
        self.val_set = TensorDataset(x[300:], y[300:])

    def train_dataloader(self):
        return DataLoader(self.train_set, batch_size=30, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.val_set, batch_size=30)


if __name__ == "__main__":
    L.seed_everything(0)
    trainer = L.Trainer(
        max_epochs=2, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        accelerator="cpu",
    )
    trainer.fit(Classifier(), Data())
    print({name: round(value.item(), 6) for name, value in trainer.callback_metrics.items()})
