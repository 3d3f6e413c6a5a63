"""Prices in cents, around a million, by a network whose rate suits prices around one.

Expected: not-learning
Also: initial-loss, exploding-gradient, overfitting, validation-at-chance
"""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(2000, 10)
price = 1e6 + 2e5 * (x @ torch.randn(10, 1))
model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
for epoch in range(40):
    for rows in torch.randperm(1600).split(50):
        loss = nn.functional.mse_loss(model(x[rows]), price[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        held = nn.functional.mse_loss(model(x[1600:]), price[1600:])
    print(f"epoch {epoch} loss {loss.item():.6g} val_loss {held.item():.6g}")
