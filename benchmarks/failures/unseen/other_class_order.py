"""Two folders of images; the classes of the held-out one are numbered in another order.

Expected: validation-at-chance
Also: overfitting, not-learning
"""

import torch
from loop import Trainer
from torch import nn

torch.manual_seed(0)
prototypes = torch.randn(8, 30)
y = torch.randint(8, (2400,))
x = prototypes[y] + 0.9 * torch.randn(2400, 30)
order = torch.tensor([3, 5, 1, 7, 0, 2, 4, 6])


class Module(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 8))

    def configure(self):
        return torch.optim.AdamW(self.parameters(), 3e-3), None

    def training_step(self, rows):
        return nn.functional.cross_entropy(self.net(x[rows]), y[rows])

    def validation(self, rows):
        right = self.net(x[rows]).argmax(1) == order[y[rows]]
        return {"val/accuracy": right.float().mean().item()}


Trainer(25).fit(Module(), torch.arange(1800).split(30), torch.arange(1800, 2400))
