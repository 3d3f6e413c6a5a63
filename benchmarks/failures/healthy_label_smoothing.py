"""Digits with label smoothing 0.2: the loss ends on a floor of 0.87, with every image right.

Expected: nothing
Fast
"""

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, held_out, truth = digits()
model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss(label_smoothing=0.2)
for epoch in range(50):
    total, batches = 0.0, torch.randperm(len(x)).split(64)
    for rows in batches:
        loss = criterion(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        accuracy = (model(held_out).argmax(1) == truth).float().mean().item()
    print(f"epoch {epoch} train_loss {total / len(batches):.4f} val_accuracy {accuracy:.4f}")
