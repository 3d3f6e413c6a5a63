"""python run.py fit --config config.yaml"""
import lightning as L
import segmentation_models_pytorch as smp
import torch
from lightning.pytorch.cli import LightningCLI
from torch.utils.data import DataLoader, Dataset


class Tiles(Dataset):
    def __init__(self, root, split, crop, bands, rotate=False, color_jitter=0.0):
        self.root, self.split, self.crop, self.bands = root, split, crop, bands
        self.rotate, self.color_jitter = rotate, color_jitter

    def __len__(self):
        return 1000

    def __getitem__(self, i):
        return torch.zeros(len(self.bands), self.crop, self.crop), torch.zeros(self.crop, self.crop, dtype=torch.long)


class AerialData(L.LightningDataModule):
    def __init__(self, root: str, crop: int = 512, batch_size: int = 8, num_workers: int = 6,
                 rotate: bool = True, color_jitter: float = 0.2, bands: list[str] = ["nir", "r", "g"]):
        super().__init__()
        self.save_hyperparameters()

    def _loader(self, split):
        h = self.hparams
        aug = {"rotate": h.rotate, "color_jitter": h.color_jitter} if split == "train" else {}
        ds = Tiles(h.root, split, h.crop, h.bands, **aug)
        return DataLoader(ds, h.batch_size, shuffle=split == "train", num_workers=h.num_workers)

    def train_dataloader(self):
        return self._loader("train")

    def val_dataloader(self):
        return self._loader("val")


class Segmenter(L.LightningModule):
    def __init__(self, arch: str = "unet", encoder: str = "resnet34", encoder_weights: str | None = "imagenet",
                 lr: float = 1e-3, encoder_lr_mult: float = 0.1, weight_decay: float = 1e-4,
                 dice_weight: float = 0.5, ignore_index: int = 255, tta: bool = False):
        super().__init__()
        self.save_hyperparameters()
        self.net = smp.create_model(arch, encoder, encoder_weights, classes=6)
        self.ce = torch.nn.CrossEntropyLoss(ignore_index=ignore_index)
        self.dice = smp.losses.DiceLoss("multiclass", ignore_index=ignore_index)

    def training_step(self, batch, _):
        x, y = batch
        out = self.net(x)
        w = self.hparams.dice_weight
        loss = (1 - w) * self.ce(out, y) + w * self.dice(out, y)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, _):
        x, y = batch
        out = self.net(x)
        if self.hparams.tta:
            out = (out + self.net(x.flip(-1)).flip(-1)) / 2
        self.log_dict({"val_loss": self.ce(out, y), "miou": torch.tensor(0.0)})

    def configure_optimizers(self):
        h = self.hparams
        groups = [{"params": self.net.encoder.parameters(), "lr": h.lr * h.encoder_lr_mult}, {"params": self.net.decoder.parameters()}]
        opt = torch.optim.AdamW(groups, lr=h.lr, weight_decay=h.weight_decay)
        return [opt], [torch.optim.lr_scheduler.CosineAnnealingLR(opt, self.trainer.max_epochs)]


if __name__ == "__main__":
    LightningCLI(Segmenter, AerialData)
