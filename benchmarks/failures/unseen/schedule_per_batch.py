"""A cosine schedule for 20 epochs is stepped with every batch, and over after one of them.

Expected: learning-rate-exhausted
Also: not-learning, learning-rate-jump
"""

import torch
from loop import Trainer
from torch import nn

torch.manual_seed(0)
x = torch.randn(1600, 16)
y = (x[:, :8].sum(1) > x[:, 8:].prod(1)).long()


class Module(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, 64), nn.GELU(), nn.Linear(64, 2))

    def configure(self):
        optimizer = torch.optim.AdamW(self.parameters(), 3e-3)
        return optimizer, torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda n: max(0.0, 1 - n / 20)
        )

    def training_step(self, rows):
        return nn.functional.cross_entropy(self.net(x[rows]), y[rows])

    def validation(self, rows):
        return {"val/loss": nn.functional.cross_entropy(self.net(x[rows]), y[rows]).item()}


Trainer(20).fit(Module(), torch.arange(1400).split(35), torch.arange(1400, 1600))
