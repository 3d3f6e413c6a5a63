"""Digits; training images are divided by 16 and standardised, validation images divided by 255.

Expected: train-eval-mismatch
Also: validation-at-chance, overfitting
"""

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, held_out, truth = digits(scale=1.0)
mean, deviation = (x / 16).mean(), (x / 16).std()
x, held_out = (x / 16 - mean) / deviation, held_out / 255
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(40):
    total, batches = 0.0, torch.randperm(len(x)).split(50)
    model.train()
    for rows in batches:
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        logits = model(held_out)
    validation = nn.functional.cross_entropy(logits, truth).item()
    accuracy = (logits.argmax(1) == truth).float().mean().item()
    print(f"epoch {epoch} train_loss {total / len(batches):.4f} val_loss {validation:.4f} val_acc {accuracy:.4f}")  # fmt: skip
