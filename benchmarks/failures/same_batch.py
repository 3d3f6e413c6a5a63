"""Digits; each step takes `next(iter(loader))`, and so always the first batch.

Expected: repeated-batches
Also: overfitting, unshuffled-data
Fast
"""

import torch
from data import digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y, held_out, truth = digits()
loader = DataLoader(TensorDataset(x, y), batch_size=64)
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(1200):
    images, labels = next(iter(loader))
    loss = nn.functional.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        with torch.no_grad():
            validation = nn.functional.cross_entropy(model(held_out), truth).item()
        print(f"step {step} loss {loss.item():.4f} val_loss {validation:.4f}")
