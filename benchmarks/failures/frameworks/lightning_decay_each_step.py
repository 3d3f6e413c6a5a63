"""A decay meant for each epoch is stepped with every batch: the rate is gone before the first epoch is over.

Needs: lightning
Expected: learning-rate-exhausted
Also: weights-unchanged, not-learning
"""

import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

L.seed_everything(0)
x = torch.randn(4000, 20)
y = (x @ torch.randn(20, 6)).argmax(1)


class Module(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 6))

    def training_step(self, batch, _):
        loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), 0.1, momentum=0.9)
        decay = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        return [optimizer], [{"scheduler": decay, "interval": "step"}]


loader = DataLoader(TensorDataset(x, y), batch_size=20, shuffle=True)
L.Trainer(max_epochs=6, accelerator="cpu", log_every_n_steps=10, enable_checkpointing=False, enable_progress_bar=False).fit(Module(), loader)  # fmt: skip
