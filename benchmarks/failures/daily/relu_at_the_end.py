"""A regression net ends in ReLU, as all of its layers do; the targets are mostly negative, and its output is 0.

Expected: dead-units or not-learning or vanishing-gradient or weights-unchanged or loss-floor
Also: frozen-parameters, dead-units, weights-unchanged, not-learning, loss-floor
"""

import itertools

import torch
from torch import nn

torch.manual_seed(0)


def mlp(*sizes):
    layers = []
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers)


x = torch.randn(2000, 8)
y = -4 + x[:, :1] + 0.5 * x[:, 1:2] * x[:, 2:3]
net = mlp(8, 64, 64, 1)
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(15):
    total = 0.0
    for rows in torch.randperm(1600).split(40):
        loss = nn.functional.mse_loss(net(x[rows]), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() / 40
    with torch.no_grad():
        val = nn.functional.mse_loss(net(x[1600:]), y[1600:]).item()
    print(f"Epoch {epoch + 1}/15  loss: {total:.4f}  val_loss: {val:.4f}")
