"""Digits through 16 residual blocks without normalisation: the signal doubles in each of them.

Expected: exploding-gradient or initial-loss, says grows from layer to layer
Also: diverged, dead-units
"""

import torch
from data import digits
from torch import nn


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        nn.init.kaiming_normal_(self.inner[0].weight)
        nn.init.kaiming_normal_(self.inner[2].weight)

    def forward(self, x):
        return x + self.inner(x)


torch.manual_seed(0)
x, y, _, _ = digits()
model = nn.Sequential(nn.Linear(64, 48), *[Block(48) for _ in range(16)], nn.Linear(48, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=1e-5)
for step in range(150):
    rows = torch.randint(len(x), (64,))
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 5 == 0:
        print(f"step {step} loss {loss.item():.4g}")
