"""Digits; of the held-out part the images were sorted by brightness and the labels were not.

Expected: validation-at-chance
Also: overfitting
"""

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, held_out, truth = digits()
held_out = held_out[held_out.mean(1).argsort()]
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(30):
    total, batches = 0.0, torch.randperm(len(x)).split(32)
    for rows in batches:
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        accuracy = (model(held_out).argmax(1) == truth).float().mean().item()
    print(f"epoch {epoch} train_loss {total / len(batches):.4f} val_accuracy {accuracy:.4f}")
