"""Digits, 64 of them, a fifth with a wrong label, for 150 epochs.

Expected: overfitting
"""

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, held_out, truth = digits()
x, y = x[:64], y[:64].clone()
y[::5] = torch.randint(10, (13,))
model = nn.Sequential(nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))  # fmt: skip
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(150):
    for rows in torch.randperm(len(x)).split(16):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 5 == 0:
        with torch.no_grad():
            train = nn.functional.cross_entropy(model(x), y).item()
            validation = nn.functional.cross_entropy(model(held_out), truth).item()
        print(f"epoch {epoch} train_loss {train:.4f} val_loss {validation:.4f}")
