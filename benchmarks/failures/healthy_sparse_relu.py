"""Digits through a wide layer of which a tenth fires for any image, as in many trained networks.

Expected: nothing
"""

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, held_out, truth = digits()
model = nn.Sequential(nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 10))
with torch.no_grad():
    nn.init.normal_(model[0].weight, std=1.0)
    nn.init.normal_(model[2].weight, std=0.02)
    model[0].bias.copy_(-torch.quantile(x @ model[0].weight.T, 0.9, dim=0))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(20):
    for rows in torch.randperm(len(x)).split(32):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        accuracy = (model(held_out).argmax(1) == truth).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} val_accuracy {accuracy:.4f}")
