"""A GRU that remembers the first symbol, with clipped gradients and a cosine schedule.

Expected: nothing
"""

import torch
from loop import Trainer
from torch import nn

torch.manual_seed(0)
x = torch.randint(6, (2000, 12))
y = x[:, 0]


class Module(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.rnn, self.head = (
            nn.Embedding(6, 16),
            nn.GRU(16, 32, batch_first=True),
            nn.Linear(32, 6),
        )

    def configure(self):
        optimizer = torch.optim.AdamW(self.parameters(), 5e-3)
        return optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 15 * 45)

    def forward(self, rows):
        return self.head(self.rnn(self.embed(x[rows]))[0][:, -1])

    def training_step(self, rows):
        return nn.functional.cross_entropy(self(rows), y[rows])

    def validation(self, rows):
        return {
            "val_loss": self.training_step(rows).item(),
            "val_acc": (self(rows).argmax(1) == y[rows]).float().mean().item(),
        }


Trainer(15, clip=1.0).fit(Module(), torch.arange(1800).split(40), torch.arange(1800, 2000))
