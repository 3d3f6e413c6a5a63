"""Digits with dropout 0.6 and batch norm; the validation runs in training mode.

Expected: train-eval-mismatch
Fast
"""

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, held_out, truth = digits()
model = nn.Sequential(
    nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.6), nn.Linear(128, 10)
)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(40):
    total, batches = 0.0, torch.randperm(len(x)).split(50)
    for rows in batches:
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        logits = model(held_out)
    validation = nn.functional.cross_entropy(logits, truth).item()
    accuracy = (logits.argmax(1) == truth).float().mean().item()
    print(f"epoch {epoch} train_loss {total / len(batches):.4f} val_loss {validation:.4f} val_acc {accuracy:.4f}")  # fmt: skip
