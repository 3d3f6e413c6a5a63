"""Digits; the optimizer was built before the model was replaced by a wider one.

Expected: weights-unchanged
Also: not-learning, validation-at-chance, frozen-parameters
Fast
"""

import torch
from data import digits
from torch import nn


def build(width):
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))


torch.manual_seed(0)
x, y, held_out, truth = digits()
model = build(64)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
model = build(256)
for epoch in range(40):
    for rows in torch.randperm(len(x)).split(32):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        model.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        accuracy = (model(held_out).argmax(1) == truth).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} val_accuracy {accuracy:.4f}")
