"""Digits pulled to unit length: the forward pass of a blank image is fine, the gradient of its norm NaN.

Expected: non-finite at step 31, layer unit, rows 11
Also: diverged
"""

import torch
from data import digits
from torch import nn


class Unit(nn.Module):
    def forward(self, x):
        return x / (x.square().sum(1, keepdim=True).sqrt() + 1e-6)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64, bias=False), nn.Tanh())
        self.unit = Unit()
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        return self.head(8.0 * self.unit(self.encoder(x)))


torch.manual_seed(3)
x, y, _, _ = digits()
x[77] = 0.0
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
step = 0
for epoch in range(4):
    for rows in torch.randperm(len(x)).split(40):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
    print(f"epoch {epoch} loss {loss.item():.4f}")
