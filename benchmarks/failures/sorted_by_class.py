"""Digits in the order of their classes, read with `shuffle=False`. In the end no hidden unit fires for any image.

Expected: unshuffled-data
Also: diverged, not-learning, dead-units
Fast
"""

import torch
from data import digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y, held_out, truth = digits()
order = y.argsort()
loader = DataLoader(TensorDataset(x[order], y[order]), batch_size=32, shuffle=False)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for epoch in range(30):
    total = 0.0
    for images, labels in loader:
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        accuracy = (model(held_out).argmax(1) == truth).float().mean().item()
    print(f"epoch {epoch} train_loss {total / len(loader):.4f} val_accuracy {accuracy:.4f}")
