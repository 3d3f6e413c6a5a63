"""Digits; the first step warms something up for 1.5 s, and every evaluation takes half a second.

Expected: nothing
"""

import time

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, held_out, truth = digits()
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(600):
    if step == 0:
        time.sleep(1.5)
    rows = torch.randint(len(x), (64,))
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 150 == 149:
        with torch.no_grad():
            validation = nn.functional.cross_entropy(model(held_out), truth).item()
        time.sleep(0.5)
        print(f"step {step} loss {loss.item():.4f} val_loss {validation:.4f}")
