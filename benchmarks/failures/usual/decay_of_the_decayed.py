"""A cosine by hand multiplies the rate as it stands, not the one it began with: it falls like a product of cosines.

Expected: learning-rate-exhausted
Also: not-learning, weights-unchanged, loss-floor
"""

import math

import torch
from torch import nn

torch.manual_seed(0)
true = nn.Sequential(nn.Linear(6, 20), nn.Tanh(), nn.Linear(20, 1))
X = torch.randn(2000, 6)
with torch.no_grad():
    Y = 3 * true(X) + 0.05 * torch.randn(2000, 1)
model = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
total_steps = 800


def adjust_learning_rate(optimizer, step):
    for group in optimizer.param_groups:
        group["lr"] = group["lr"] * 0.5 * (1 + math.cos(math.pi * step / total_steps))


for step in range(total_steps):
    adjust_learning_rate(optimizer, step)
    idx = torch.randint(0, 2000, (64,))
    loss = ((model(X[idx]) - Y[idx]) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(f"step={step} mse={loss.item():.5f}")
