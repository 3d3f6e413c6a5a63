"""A Lightning data module normalises what is trained on, and hands the validation images out as bytes.

Needs: lightning
Expected: train-eval-mismatch
Also: overfitting, validation-at-chance, diverged
"""

import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

L.seed_everything(0)
y = torch.randint(5, (1500,))
pixels = (60 + 25 * torch.randn(5, 64)[y] + 20 * torch.randn(1500, 64)).clamp(0, 255)


class Data(L.LightningDataModule):
    def train_dataloader(self):
        scaled = (pixels[:1200] - 60) / 32
        return DataLoader(TensorDataset(scaled, y[:1200]), batch_size=30, shuffle=True)

    def val_dataloader(self):
        return DataLoader(TensorDataset(pixels[1200:], y[1200:]), batch_size=100)


class Module(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 5))

    def training_step(self, batch, _):
        loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch, _):
        scores = self.net(batch[0])
        self.log("val/loss", nn.functional.cross_entropy(scores, batch[1]))
        self.log("val/acc", (scores.argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 1e-3)


L.Trainer(max_epochs=10, accelerator="cpu", log_every_n_steps=10, enable_checkpointing=False, enable_progress_bar=False).fit(Module(), Data())  # fmt: skip
