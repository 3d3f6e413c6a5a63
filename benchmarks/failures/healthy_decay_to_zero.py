"""Digits with a warm-up and a cosine that reaches 0 at the planned end.

Expected: nothing
"""

import math

import torch
from data import digits
from torch import nn

STEPS, WARM = 1200, 100

torch.manual_seed(0)
x, y, held_out, truth = digits()
model = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 10))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.LambdaLR(
    optimizer,
    lambda n: n / WARM if n < WARM else 0.5 + 0.5 * math.cos(math.pi * (n - WARM) / (STEPS - WARM)),
)
for step in range(STEPS):
    rows = torch.randint(len(x), (64,))
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if (step + 1) % 25 == 0:
        with torch.no_grad():
            validation = nn.functional.cross_entropy(model(held_out), truth).item()
        print(f"step {step + 1}/{STEPS} loss {loss.item():.4f} val_loss {validation:.4f}")
