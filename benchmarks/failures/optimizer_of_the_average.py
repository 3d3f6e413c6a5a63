"""Digits with an averaged copy of the model; the optimizer was given the copy.

Expected: weights-unchanged
Also: not-learning, validation-at-chance, frozen-parameters
"""

import copy

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, _, _ = digits()
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
average = copy.deepcopy(model)
optimizer = torch.optim.SGD(average.parameters(), lr=0.1, momentum=0.9)
for step in range(1500):
    rows = torch.randint(len(x), (64,))
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    model.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for kept, new in zip(average.parameters(), model.parameters(), strict=True):
            kept.lerp_(new, 0.01)
    if step % 20 == 0:
        print(f"step {step} loss {loss.item():.4f}")
