"""Fourteen convolutions, all initialised with a deviation of 0.01, no normalisation: nothing gets through.

Expected: vanishing-gradient or not-learning
Also: dead-units, weights-unchanged, loss-floor
"""

import torch
from torch import nn

torch.manual_seed(0)
y = torch.randint(4, (1200,))
x = torch.randn(4, 3, 8, 8)[y] + torch.randn(1200, 3, 8, 8)
layers, width = [], 3
for _ in range(14):
    layers += [nn.Conv2d(width, 16, 3, padding=1), nn.ReLU()]
    width = 16
model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4))
for part in model.modules():
    if isinstance(part, nn.Conv2d):
        nn.init.normal_(part.weight, std=0.01)
        nn.init.zeros_(part.bias)
optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
for step in range(500):
    rows = torch.randint(1200, (32,))
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"it {step:4d} loss {loss.item():.5f}")
