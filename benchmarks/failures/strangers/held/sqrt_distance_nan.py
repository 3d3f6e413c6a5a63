"""Contrastive pairs with a hand-written Euclidean distance: sqrt(0) of an exact duplicate has no gradient.

Expected: non-finite
Also: hidden-nan, diverged, not-learning, crashed, exploding-gradient, dead-units
"""

import torch
from sklearn.datasets import load_digits
from torch import nn


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 16))

    def forward(self, x):
        return self.body(x)


def distance(a, b):
    return ((a - b) ** 2).sum(1).sqrt()


torch.manual_seed(4)
d = load_digits()
x = torch.tensor(d.data, dtype=torch.float32) / 16
y = torch.tensor(d.target)
enc = Encoder()
optim = torch.optim.Adam(enc.parameters(), lr=1e-3)
for it in range(1, 2501):
    i, j = torch.randint(0, len(x), (64,)), torch.randint(0, len(x), (64,))
    if it > 200 and it % 7 == 0:
        j[0] = i[0]  # the sampler may draw an item with itself
    same = (y[i] == y[j]).float()
    dist = distance(enc(x[i]), enc(x[j]))
    loss = (same * dist**2 + (1 - same) * (1 - dist).clamp(min=0) ** 2).mean()
    optim.zero_grad()
    loss.backward()
    optim.step()
    if it % 20 == 0:
        print("iter", it, "| contrastive loss", round(loss.item(), 5))
