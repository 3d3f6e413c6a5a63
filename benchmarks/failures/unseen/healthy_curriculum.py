"""Harder data in three stages: the training loss rises twice, validation gets better all along.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
y = torch.randint(6, (3000,))
clean = 1.2 * torch.randn(6, 24)[y]
noise = torch.randn(3000, 24)
model = nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 6))
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
for epoch in range(24):
    x = clean + (0.5, 1.0, 1.6)[epoch // 8] * noise
    for rows in torch.randperm(2600).split(50):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        held = nn.functional.cross_entropy(model((clean + 1.6 * noise)[2600:]), y[2600:])
    print(f"epoch {epoch} loss {loss.item():.4f} val_loss {held.item():.4f}")
