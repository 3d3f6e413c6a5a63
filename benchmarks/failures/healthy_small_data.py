"""Digits, 200 of them, shuffled and met 40 times: every epoch the same images, in new batches.

Expected: nothing
"""

import torch
from data import digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y, held_out, truth = digits()
loader = DataLoader(TensorDataset(x[:200], y[:200]), batch_size=20, shuffle=True)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1)
for epoch in range(100):
    for images, labels in loader:
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        validation = nn.functional.cross_entropy(model(held_out), truth).item()
    print(f"epoch {epoch} train_loss {loss.item():.4f} val_loss {validation:.4f}")
