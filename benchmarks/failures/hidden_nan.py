"""Digits, with a loop that filters NaN out of the logged loss, as some trainers do: it prints 0.0.

A batch without any label has 0 / 0 as its mean loss; from there on everything is NaN.

Expected: hidden-nan or non-finite at step 99+25, says exactly 0
Also: non-finite
"""

import math

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, _, _ = digits()
labelled = torch.ones(len(x))
labelled[600:640] = 0.0
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
total, logged = 0.0, 0
for step in range(1, 1501):
    rows = slice(start := int(torch.randint(len(x) - 16, ())), start + 16)
    losses = nn.functional.cross_entropy(model(x[rows]), y[rows], reduction="none")
    loss = (losses * labelled[rows]).sum() / labelled[rows].sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    value = loss.item()
    total += value if math.isfinite(value) else total / (1 + step - logged)
    if step % 10 == 0:
        print({"loss": round(total / (step - logged), 4), "learning_rate": 1e-3, "step": step})
        total, logged = 0.0, step
