"""Rows lie sorted by class, and batches are slices of the arrays, one after the other.

Expected: unshuffled-data
Also: not-learning, validation-at-chance, overfitting, diverged, spike, repeated-batches
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
rng = np.random.default_rng(0)
d = load_digits()
held = rng.random(len(d.target)) < 0.2
order = np.argsort(d.target[~held], kind="stable")
X_train, y_train = d.data[~held][order] / 16, d.target[~held][order]
X_test, y_test = d.data[held] / 16, d.target[held]

model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
batch_size = 24
for epoch in range(12):
    for start in range(0, len(X_train), batch_size):
        xb = torch.from_numpy(X_train[start : start + batch_size]).float()
        yb = torch.from_numpy(y_train[start : start + batch_size])
        optimizer.zero_grad()
        loss = nn.CrossEntropyLoss()(model(xb), yb)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        pred = model(torch.from_numpy(X_test).float()).argmax(1).numpy()
    print(
        f"Epoch {epoch}, train loss: {loss.item():.4f}, test accuracy: {(pred == y_test).mean():.4f}"
    )
