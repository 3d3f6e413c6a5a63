"""A hard regression: the loss stays near var(y) for hundreds of steps, falling slowly.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(4096, 40)
y = (x[:, :20].mean(1) + 0.4 * torch.randn(4096))[:, None]
y = (y - y.mean()) / y.std()
model = nn.Sequential(nn.Linear(40, 128), nn.ReLU(), nn.Linear(128, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.003)
for epoch in range(25):
    total, batches = 0.0, torch.randperm(3600).split(64)
    for rows in batches:
        loss = nn.functional.mse_loss(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        validation = nn.functional.mse_loss(model(x[3600:]), y[3600:]).item()
    print(f"epoch {epoch} train_mse {total / len(batches):.4f} val_mse {validation:.4f}")
