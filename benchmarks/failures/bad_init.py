"""Digits; the head begins with weights of standard deviation 3, so that the first loss is far above ln 10.

Expected: initial-loss at step 0
Also: exploding-gradient
Fast
"""

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, _, _ = digits()
model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
nn.init.normal_(model[2].weight, std=3.0)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(1500):
    rows = torch.randint(len(x), (64,))
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step}: loss {loss.item():.4f}")
