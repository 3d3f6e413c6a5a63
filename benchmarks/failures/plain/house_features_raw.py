"""Linear regression on square metres, years and prices as they stand in the table, by SGD: gone in a few steps.

Expected: non-finite or diverged, says rate or scale or large
Also: non-finite, diverged, exploding-gradient, initial-loss, not-learning, spike, hidden-nan
"""

import numpy as np
import torch
from torch import nn

rng = np.random.default_rng(7)
n = 2000
area = rng.normal(120, 40, n).clip(20, 400)
year = rng.integers(1900, 2024, n)
rooms = rng.integers(1, 9, n)
price = 2500 * area + 300 * (year - 1900) + 8000 * rooms + rng.normal(0, 2e4, n)
X = torch.tensor(np.stack([area, year, rooms], 1), dtype=torch.float32)
y = torch.tensor(price, dtype=torch.float32).view(-1, 1)
model = nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
loss_fn = nn.MSELoss()
for epoch in range(15):
    perm = np.random.permutation(1600)
    for start in range(0, 1600, 50):
        idx = perm[start : start + 50]
        loss = loss_fn(model(X[idx]), y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val = loss_fn(model(X[1600:]), y[1600:])
    print(f"epoch: {epoch}, loss: {loss.item()}, val_loss: {val.item()}")
