"""Hidden layer's bias is initialised at -20: no unit of it ever fires.

Expected: dead-units, layer net.2
Also: not-learning, loss-floor, validation-at-chance, vanishing-gradient, weights-unchanged
"""

import csv
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn


class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 10)
        )
        nn.init.constant_(self.net[2].bias, -20.0)

    def forward(self, x):
        return self.net(x)


torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X = torch.tensor(X).float() / 16
y = torch.tensor(y)
m = M()
o = torch.optim.SGD(m.parameters(), 0.05, momentum=0.9)
w = csv.writer(sys.stdout)
w.writerow(["epoch", "train_loss", "val_loss", "val_acc"])
for e in range(30):
    t = 0
    for b in torch.randperm(1400).split(40):
        l = nn.functional.cross_entropy(m(X[b]), y[b])
        o.zero_grad()
        l.backward()
        o.step()
        t += l.item() / 35
    with torch.no_grad():
        z = m(X[1400:])
    w.writerow(
        [
            e,
            round(t, 4),
            round(nn.functional.cross_entropy(z, y[1400:]).item(), 4),
            round((z.argmax(1) == y[1400:]).float().mean().item(), 4),
        ]
    )
