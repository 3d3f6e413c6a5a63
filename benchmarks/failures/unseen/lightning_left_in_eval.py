"""A Lightning module puts itself into evaluation mode at the start of every epoch, for a plot, and never back.

Needs: lightning
Expected: train-eval-mismatch
Also: overfitting
"""

import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

L.seed_everything(0)
x = torch.randn(1500, 20)
y = (x @ torch.randn(20, 5)).argmax(1)


class Module(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 5))  # fmt: skip

    def on_train_epoch_start(self):
        self.net.eval()
        with torch.no_grad():
            self.shown = self.net(x[:10]).argmax(1)

    def training_step(self, batch, _):
        loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 2e-3)


loader = DataLoader(TensorDataset(x, y), batch_size=30, shuffle=True)
L.Trainer(max_epochs=8, accelerator="cpu", log_every_n_steps=5, enable_checkpointing=False, enable_progress_bar=False).fit(Module(), loader)  # fmt: skip
