"""Digits; the bias of the second layer begins at -30, so that none of its units ever fires.

Expected: dead-units, layer 2 or layer 3
Also: not-learning, vanishing-gradient, loss-floor, validation-at-chance, frozen-parameters, weights-unchanged
Fast
"""

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, _, _ = digits()
model = nn.Sequential(
    nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)
)
nn.init.constant_(model[2].bias, -30.0)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(1500):
    rows = torch.randint(len(x), (64,))
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 25 == 0:
        print(f"step {step} | loss {loss.item():.4f}")
