import math
from argparse import ArgumentParser, BooleanOptionalAction

import pytorch_lightning as pl
import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision
from pytorch_lightning.callbacks import LearningRateMonitor, ModelCheckpoint

from data import STL10SSL


class LARS(torch.optim.SGD):
    """layer-wise scaling, see data parallel notes"""


class SimCLR(pl.LightningModule):
    def __init__(self, **kwargs):
        super().__init__()
        self.save_hyperparameters()
        net = getattr(torchvision.models, self.hparams.backbone)(num_classes=1)
        d = net.fc.in_features
        net.fc = nn.Identity()
        self.encoder = net
        layers = []
        for _ in range(self.hparams.proj_layers - 1):
            layers += [nn.Linear(d, d), nn.ReLU()]
        self.head = nn.Sequential(*layers, nn.Linear(d, self.hparams.proj_dim))

    @staticmethod
    def add_model_specific_args(parent):
        p = parent.add_argument_group("SimCLR")
        p.add_argument("--backbone", default="resnet18", choices=["resnet18", "resnet50"])
        p.add_argument("--temperature", type=float, default=0.5, help="temperature of the NT-Xent loss")
        p.add_argument("--proj_dim", type=int, default=128, help="output size of the projection head")
        p.add_argument("--proj_layers", type=int, default=2)
        p.add_argument("--optimizer", default="lars", choices=["lars", "adam", "sgd"])
        p.add_argument("--base_lr", type=float, default=0.3, help="lr per 256 images; multiplied by batch/256")
        p.add_argument("--weight_decay", type=float, default=1e-6)
        p.add_argument("--warmup_epochs", type=int, default=10)
        p.add_argument("--exclude_bn_bias", action=BooleanOptionalAction, default=True, help="no decay on BN and biases")
        return parent

    def nt_xent(self, a, b):
        z = F.normalize(torch.cat([a, b]), dim=1)
        sim = z @ z.T / self.hparams.temperature
        sim.fill_diagonal_(-9e15)
        n = len(a)
        y = torch.cat([torch.arange(n, 2 * n), torch.arange(n)]).to(sim.device)
        return F.cross_entropy(sim, y)

    def training_step(self, batch, _):
        (x1, x2), _y = batch
        loss = self.nt_xent(self.head(self.encoder(x1)), self.head(self.encoder(x2)))
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, _):
        (x1, x2), y = batch
        a, b = self.head(self.encoder(x1)), self.head(self.encoder(x2))
        self.log("val_loss", self.nt_xent(a, b))
        self.log("knn_acc", self.knn(a, y))

    def knn(self, z, y, k=20):
        z = F.normalize(z, dim=1)
        nb = (z @ z.T).fill_diagonal_(-1).topk(min(k, len(z) - 1), 1)[1]
        return (y[nb].mode(1)[0] == y).float().mean()

    def configure_optimizers(self):
        h = self.hparams
        lr = h.base_lr * h.batch_size / 256
        ps = self.parameters()
        if h.exclude_bn_bias:
            ps = [{"params": [p for p in self.parameters() if p.ndim > 1], "weight_decay": h.weight_decay},
                  {"params": [p for p in self.parameters() if p.ndim <= 1], "weight_decay": 0.0}]
        opt = {"lars": LARS, "sgd": torch.optim.SGD, "adam": torch.optim.Adam}[h.optimizer](ps, lr=lr)
        f = lambda e: (e + 1) / h.warmup_epochs if e < h.warmup_epochs else 0.5 * (1 + math.cos(math.pi * e / h.max_epochs))
        return [opt], [torch.optim.lr_scheduler.LambdaLR(opt, f)]


def cli_main():
    parser = ArgumentParser()
    parser.add_argument("--data_dir", type=str, default="data")
    parser.add_argument("--batch_size", type=int, default=512)
    parser.add_argument("--num_workers", type=int, default=8)
    parser.add_argument("--image_size", type=int, default=96)
    parser.add_argument("--jitter_strength", type=float, default=1.0, help="colour distortion strength s")
    parser.add_argument("--gaussian_blur", action=BooleanOptionalAction, default=True)
    parser.add_argument("--grayscale_prob", type=float, default=0.2)
    parser.add_argument("--max_epochs", type=int, default=200)
    parser.add_argument("--gpus", type=int, default=1, help="number of gpus")
    parser.add_argument("--precision", type=int, default=32, choices=[16, 32])
    parser.add_argument("--fast_dev_run", action="store_true", help="run one batch of train and val")
    parser.add_argument("--seed", type=int, default=1234)
    parser = SimCLR.add_model_specific_args(parser)
    args = parser.parse_args()
    pl.seed_everything(args.seed)
    model = SimCLR(**vars(args))
    dm = STL10SSL(args.data_dir, args.batch_size, args.num_workers, args.image_size, args.jitter_strength,
                  args.gaussian_blur, args.grayscale_prob)
    trainer = pl.Trainer(max_epochs=args.max_epochs, devices=args.gpus, precision=args.precision,
                         fast_dev_run=args.fast_dev_run,
                         callbacks=[ModelCheckpoint(monitor="val_loss"), LearningRateMonitor()])
    trainer.fit(model, datamodule=dm)


if __name__ == "__main__":
    cli_main()
