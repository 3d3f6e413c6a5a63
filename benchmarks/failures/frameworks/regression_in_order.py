"""A table of prices, sorted by price in the file, is read in order, epoch after epoch.

Expected: unshuffled-data
Also: diverged, not-learning, overfitting, loss-floor
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.randn(2400, 12)
price = (x @ torch.randn(12, 1)).exp().clamp(max=50) / 10
order = price[:, 0].argsort()
loader = DataLoader(TensorDataset(x[order], price[order]), batch_size=40)
model = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
for epoch in range(12):
    for features, target in loader:
        loss = nn.functional.mse_loss(model(features), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")
