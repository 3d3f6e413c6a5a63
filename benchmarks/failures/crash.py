"""Digits with batch norm; the last batch of the epoch holds a single row.

Expected: crashed at step 27±1, says more than 1 value per channel
Fast
"""

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, _, _ = digits()
x, y = x[:1378], y[:1378]
model = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step, rows in enumerate(torch.randperm(len(x)).split(51)):
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"step {step} loss {loss.item():.4f}")
