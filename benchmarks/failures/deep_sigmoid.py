"""Digits through twelve layers of sigmoids: nothing of the gradient arrives at the first ones.

Expected: vanishing-gradient
Also: not-learning, loss-floor, validation-at-chance, weights-unchanged
"""

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, _, _ = digits()
layers, width = [], 64
for _ in range(40):
    layers += [nn.Linear(width, 48), nn.Sigmoid()]
    width = 48
model = nn.Sequential(*layers, nn.Linear(width, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(40):
    total, batches = 0.0, torch.randperm(len(x)).split(64)
    for rows in batches:
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"Epoch {epoch + 1}/40 - loss: {total / len(batches):.4f}")
