"""Fine-tuning in the usual way: a small rate for the body, a large one for the head, warm-up and decay.

Expected: nothing
"""

import torch
from loop import Trainer
from torch import nn

torch.manual_seed(0)
x = torch.randn(1500, 3, 8, 8)
y = (x[:, 0].mean((1, 2)) > 0).long() + 2 * (x[:, 1].mean((1, 2)) > 0).long()


class Module(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 16, 3),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
        )
        self.head = nn.Linear(64, 4)

    def configure(self):
        groups = [
            {"params": self.body.parameters(), "lr": 1e-3},
            {"params": self.head.parameters(), "lr": 1e-2},
        ]
        optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
        return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, [1e-3, 1e-2], 12 * 26)

    def forward(self, rows):
        return self.head(self.body(x[rows]))

    def training_step(self, rows):
        return nn.functional.cross_entropy(self(rows), y[rows], label_smoothing=0.1)

    def validation(self, rows):
        right = (self(rows).argmax(1) == y[rows]).float().mean().item()
        return {"val/loss": self.training_step(rows).item(), "val/acc": right}


Trainer(12).fit(Module(), [r for r in torch.randperm(1300).split(50)], torch.arange(1300, 1500))
