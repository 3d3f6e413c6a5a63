"""Digits with dropout and batch norm; nothing calls `train()` again after the first validation.

Expected: train-eval-mismatch at step 28+28
Also: overfitting, diverged, exploding-gradient
"""

import torch
from data import digits
from torch import nn


@torch.no_grad()
def evaluate(model, x, y):
    model.eval()
    return nn.functional.cross_entropy(model(x), y).item()


torch.manual_seed(0)
x, y, held_out, truth = digits()
model = nn.Sequential(
    nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)
)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
model.train()
for epoch in range(40):
    total, batches = 0.0, torch.randperm(len(x)).split(50)
    for rows in batches:
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} train_loss {total / len(batches):.4f} val_loss {evaluate(model, held_out, truth):.4f}")  # fmt: skip
