"""Two moons by a net that ends in a sigmoid, with the loss that has its own.

Expected: loss-floor, says sigmoid
"""

import torch
from torch import nn

torch.manual_seed(0)
angle = torch.rand(2000) * 3.1416
side = torch.randint(2, (2000,)).float()
x = torch.stack([angle.cos() + side, (1 - 2 * side) * angle.sin() + 0.5 * side], 1)
x += 0.1 * torch.randn_like(x)
model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1), nn.Sigmoid())
optimizer = torch.optim.Adam(model.parameters(), 1e-2)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(20):
    for rows in torch.randperm(2000).split(100):
        loss = criterion(model(x[rows]).squeeze(1), side[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"Epoch {epoch + 1}/20 - loss: {loss.item():.4f}")
