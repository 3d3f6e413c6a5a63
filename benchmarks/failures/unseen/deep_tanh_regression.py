"""Fourteen saturated layers of tanh, made with weights far too small, fit a sine by plain SGD.

Expected: vanishing-gradient
Also: not-learning
"""

import torch
from torch import nn

torch.manual_seed(0)
layers = []
for _ in range(13):
    layers += [nn.Linear(24, 24), nn.Tanh()]
net = nn.Sequential(nn.Linear(1, 24), nn.Tanh(), *layers, nn.Linear(24, 1))
for part in net:
    if isinstance(part, nn.Linear) and part.in_features == 24:
        nn.init.normal_(part.weight, std=0.05)
optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
for step in range(1200):
    x = torch.rand(64, 1) * 6 - 3
    loss = ((net(x) - torch.sin(x)) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(f"step={step} train_loss={loss.item():.5f}")
