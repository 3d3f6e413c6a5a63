"""Lightning with validation twice an epoch, accumulation, clipping and a rate that falls on plateaus.

Needs: lightning
Expected: nothing
"""

import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

L.seed_everything(0)
x = torch.randn(2400, 3, 8, 8)
y = (x[:, 0].mean((1, 2)) > 0).long() + 2 * (x[:, 1].mean((1, 2)) > 0).long()


class Module(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.SiLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.1), nn.Linear(64, 4))  # fmt: skip

    def training_step(self, batch, _):
        loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, _):
        scores = self.net(batch[0])
        self.log("val_loss", nn.functional.cross_entropy(scores, batch[1]), prog_bar=True)
        self.log("val_acc", (scores.argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), 3e-3)
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=2, factor=0.3)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": plateau, "monitor": "val_loss"},
        }


data = TensorDataset(x, y)
train, held = torch.utils.data.random_split(data, [2000, 400])
L.Trainer(max_epochs=14, accelerator="cpu", log_every_n_steps=5, val_check_interval=0.5, accumulate_grad_batches=2, gradient_clip_val=1.0, enable_checkpointing=False, enable_progress_bar=False).fit(Module(), DataLoader(train, 32, shuffle=True), DataLoader(held, 100))  # fmt: skip
