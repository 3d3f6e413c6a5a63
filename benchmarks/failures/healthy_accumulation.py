"""Digits with gradients accumulated over eight micro-batches before each step of the optimizer.

Expected: nothing
"""

import torch
from data import digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y, held_out, truth = digits()
loader = DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True, drop_last=True)
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
optimizer.zero_grad()
for epoch in range(10):
    for number, (images, labels) in enumerate(loader, 1):
        loss = nn.functional.cross_entropy(model(images), labels) / 8
        loss.backward()
        if number % 8 == 0:
            optimizer.step()
            optimizer.zero_grad()
    with torch.no_grad():
        validation = nn.functional.cross_entropy(model(held_out), truth).item()
    print(f"epoch {epoch} train_loss {8 * loss.item():.4f} val_loss {validation:.4f}")
