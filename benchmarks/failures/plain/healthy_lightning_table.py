"""Lightning on a table: early stopping, a checkpoint, OneCycle per step, logged by CSVLogger.

Expected: nothing
Needs: lightning
"""

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from sklearn.datasets import load_wine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class Lit(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(13, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 3)
        )

    def step(self, batch, name):
        x, y = batch
        out = self.net(x)
        loss = nn.functional.cross_entropy(out, y)
        self.log(f"{name}_loss", loss, on_epoch=True)
        self.log(f"{name}_acc", (out.argmax(1) == y).float().mean(), on_epoch=True)
        return loss

    def training_step(self, batch, batch_idx):
        return self.step(batch, "train")

    def validation_step(self, batch, batch_idx):
        self.step(batch, "val")

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=1e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 1e-2, total_steps=self.trainer.estimated_stepping_batches
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


L.seed_everything(13)
X, y = load_wine(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
train, val = random_split(TensorDataset(X, torch.tensor(y)), [140, 38])
trainer = L.Trainer(
    max_epochs=25, accelerator="cpu", logger=CSVLogger("logs"), log_every_n_steps=2,
    callbacks=[EarlyStopping("val_loss", patience=8), ModelCheckpoint(monitor="val_loss")],
    enable_progress_bar=False,
)  # fmt: skip
trainer.fit(Lit(), DataLoader(train, 20, shuffle=True, drop_last=True), DataLoader(val, 38))
