"""Digits whose images were shuffled and whose labels were not.

Expected: not-learning or validation-at-chance
Also: overfitting, validation-at-chance, not-learning, loss-floor
"""

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, held_out, truth = digits()
x = x[torch.randperm(len(x))]
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(40):
    total, batches = 0.0, torch.randperm(len(x)).split(64)
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
    print(f"epoch {epoch} train_loss {total / len(batches):.4f} val_loss {validation:.4f} val_accuracy {accuracy:.4f}")  # fmt: skip
