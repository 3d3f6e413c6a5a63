"""Tabular rows are standardised for training; validation gets them as they stand in the file.

Expected: train-eval-mismatch
Also: validation-at-chance, overfitting
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
raw = torch.randn(1500, 12) * 40 + 300
y = ((raw - 300)[:, :3].sum(1) > 0).long()
mean, std = raw[:1200].mean(0), raw[:1200].std(0)
train = DataLoader(TensorDataset((raw[:1200] - mean) / std, y[:1200]), 32, shuffle=True)
held_out = DataLoader(TensorDataset(raw[1200:], y[1200:]), 64)
model = nn.Sequential(nn.Linear(12, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for epoch in range(14):
    model.train()
    for batch, labels in train:
        loss = nn.functional.cross_entropy(model(batch), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(batch).argmax(1) == labels).sum().item() for batch, labels in held_out)
    print(f"epoch {epoch} loss {loss.item():.4f} val_acc {right / 300:.4f}")
