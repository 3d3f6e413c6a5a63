"""A table with missing cells and missing targets: both are NaN, and both are masked as they should be.

Expected: nothing
"""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 3))

    def forward(self, x):
        return self.body(torch.cat([x.nan_to_num(0.0), x.isnan().float()], 1))


torch.manual_seed(0)
x = torch.randn(4000, 16)
y = x @ torch.randn(16, 3) + 0.2 * torch.randn(4000, 3)
x[torch.rand_like(x) < 0.1] = float("nan")
y[torch.rand_like(y) < 0.2] = float("nan")
model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(24):
    for rows in torch.randperm(len(x)).split(64):
        known = ~y[rows].isnan()
        difference = model(x[rows]) - y[rows].nan_to_num(0.0)
        loss = (difference.square() * known).sum() / known.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")
