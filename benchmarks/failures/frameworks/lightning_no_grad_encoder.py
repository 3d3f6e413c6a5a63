"""A Lightning module whose encoder runs under `no_grad`, left over from linear probing.

Needs: lightning
Expected: weights-unchanged or frozen-parameters, layer encoder
Also: not-learning
"""

import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

L.seed_everything(0)
x = torch.randn(1600, 2, 8, 8)
y = (x[:, 0].mean((1, 2)) > 0).long() + 2 * (x[:, 1, :4].mean((1, 2)) > 0).long()


class Module(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(2, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU(), nn.Flatten())  # fmt: skip
        self.head = nn.Linear(256, 4)

    def training_step(self, batch, _):
        images, labels = batch
        with torch.no_grad():
            features = self.encoder(images)
        loss = nn.functional.cross_entropy(self.head(features), labels)
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), 1e-3)


loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
L.Trainer(max_epochs=8, accelerator="cpu", log_every_n_steps=5, enable_checkpointing=False, enable_progress_bar=False).fit(Module(), loader)  # fmt: skip
