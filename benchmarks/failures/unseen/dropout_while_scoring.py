"""A matching network of two towers; dropout stays on while it is scored after each epoch.

Expected: train-eval-mismatch
"""

import torch
from loop import Trainer
from torch import nn

torch.manual_seed(0)
left = torch.randn(1600, 20)
right = left @ torch.randn(20, 20) * 0.3 + torch.randn(1600, 20) * 0.2


class Module(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Sequential(nn.Linear(20, 64), nn.GELU(), nn.Dropout(0.4), nn.Linear(64, 16))
        self.b = nn.Sequential(nn.Linear(20, 64), nn.GELU(), nn.Dropout(0.4), nn.Linear(64, 16))

    def configure(self):
        return torch.optim.Adam(self.parameters(), 2e-3), None

    def training_step(self, rows):
        scores = self.a(left[rows]) @ self.b(right[rows]).T
        return nn.functional.cross_entropy(scores, torch.arange(len(rows)))

    def validation(self, rows):
        self.train()
        return {"val_loss": self.training_step(rows).item()}


Trainer(12).fit(Module(), list(torch.arange(1400).split(40)), torch.arange(1400, 1440))
