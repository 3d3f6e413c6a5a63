"""Digits; anomaly detection is switched on at step 200 to look at something, and stays on.

Expected: slowdown at step 200+60
"""

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, _, _ = digits()
layers = [nn.Linear(64, 32)]
for _ in range(10):
    layers += [nn.LayerNorm(32), nn.GELU(), nn.Linear(32, 32)]
model = nn.Sequential(*layers, nn.Linear(32, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(400):
    torch.autograd.set_detect_anomaly(step >= 200, check_nan=False)
    rows = torch.randint(len(x), (32,))
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(f"step {step} loss {loss.item():.4f}")
