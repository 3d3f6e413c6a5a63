"""Digits; the schedule's table holds 50 where 0.05 was meant, from step 600 on.

Expected: learning-rate-jump at step 600
Expected: diverged at step 600+40, says learning rate
Also: non-finite, exploding-gradient, dead-units, not-learning, loss-floor
Fast
"""

import torch
from data import digits
from torch import nn

SCHEDULE = {0: 0.05, 600: 50.0, 1000: 0.025}

torch.manual_seed(0)
x, y, _, _ = digits()
model = nn.Sequential(nn.Linear(64, 128), nn.Tanh(), nn.Linear(128, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=SCHEDULE[0])
for step in range(1600):
    for group in optimizer.param_groups:
        group["lr"] = SCHEDULE.get(step, group["lr"])
    rows = torch.randint(len(x), (64,))
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step={step} loss={loss.item():.4f} lr={optimizer.param_groups[0]['lr']}")
