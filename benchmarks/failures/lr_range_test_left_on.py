"""Digits; a learning-rate range test was left on: the rate grows by 1 % each step until it is too much.

Expected: diverged at step 540+120, says learning rate
Also: learning-rate-jump, non-finite, exploding-gradient, dead-units
"""

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, _, _ = digits()
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))  # fmt: skip
optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 1.01)
for step in range(1080):
    rows = torch.randint(len(x), (64,))
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 5 == 0:
        print(f"[{step}] loss: {loss.item():.4f}")
