"""A loss by hand, `((pred - target) ** 2).mean()`: predictions are a column and targets a row, so all are paired with all.

Expected: not-learning or loss-floor or validation-at-chance, says shape or broadcast or mean
"""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(1500, 10)
target = x[:, 0] * 2 + torch.sin(3 * x[:, 1]) + x[:, 2] * x[:, 3]
net = nn.Sequential(nn.Linear(10, 64), nn.Tanh(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(1, 16):
    total = 0.0
    for rows in torch.randperm(1200).split(32):
        loss = ((net(x[rows]) - target[rows]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
    with torch.no_grad():
        valid = ((net(x[1200:]) - target[1200:]) ** 2).mean().item()
    print(f"epoch {epoch} train_mse {total / 1200:.4f} valid_mse {valid:.4f}")
