import argparse
import pytorch_lightning as pl
import torch
from torch import nn


class Seg(pl.LightningModule):
    def __init__(self, args):
        super().__init__()
        self.save_hyperparameters(args)
        self.net = nn.Conv2d(3, args.classes, 3, padding=1)

    def training_step(self, batch, _):
        x, y = batch
        loss = nn.functional.cross_entropy(self.net(x), y, ignore_index=255)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, _):
        self.log("val_loss", 0.0)
        self.log("val_miou", 0.0)

    def configure_optimizers(self):
        o = torch.optim.AdamW(self.parameters(), lr=self.hparams.lr, weight_decay=self.hparams.weight_decay)
        return [o], [torch.optim.lr_scheduler.PolynomialLR(o, self.hparams.max_epochs, self.hparams.poly_power)]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--root", default="data/voc")
    p.add_argument("--encoder", default="resnet34")
    p.add_argument("--decoder", default="unet", choices=["unet", "fpn", "deeplabv3"])
    p.add_argument("--classes", type=int, default=21)
    p.add_argument("--crop", type=int, default=320)
    p.add_argument("--scale-min", type=float, default=0.5)
    p.add_argument("--scale-max", type=float, default=2.0)
    p.add_argument("--hflip", type=float, default=0.5, help="chance of a horizontal flip")
    p.add_argument("--batch_size", type=int, default=16)
    p.add_argument("--lr", type=float, default=1e-4)
    p.add_argument("--encoder-lr-mult", type=float, default=0.1, help="the encoder learns so much slower")
    p.add_argument("--weight_decay", type=float, default=1e-2)
    p.add_argument("--poly-power", type=float, default=0.9)
    p.add_argument("--max_epochs", type=int, default=60)
    p.add_argument("--precision", default="32")
    p.add_argument("--aux-weight", type=float, default=0.4, help="weight of the auxiliary head's loss")
    p.add_argument("--freeze-bn", action="store_true")
    p.add_argument("--num_workers", type=int, default=4)
    p.add_argument("--seed", type=int, default=0)
    args = p.parse_args()
    pl.seed_everything(args.seed)
    trainer = pl.Trainer(max_epochs=args.max_epochs, precision=args.precision, gradient_clip_val=1.0, check_val_every_n_epoch=2)
    trainer.fit(Seg(args))


if __name__ == "__main__":
    main()
