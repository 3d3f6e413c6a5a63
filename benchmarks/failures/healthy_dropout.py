"""Digits with dropout 0.5, off in validation: the validation loss is below the training loss throughout.

Expected: nothing
Fast
"""

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, held_out, truth = digits()
model = nn.Sequential(
    nn.Linear(64, 256), nn.BatchNorm1d(256), nn.ReLU(), nn.Dropout(0.5),
    nn.Linear(256, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
)  # fmt: skip
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(20):
    model.train()
    total, batches = 0.0, torch.randperm(len(x)).split(50)
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
