"""Cosine with warm restarts by steps, each period twice as long; the loss goes up a little at each restart.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(2000, 16)
y = torch.sin(2 * x[:, :1]) + x[:, 1:2] * x[:, 2:3] + 0.1 * torch.randn(2000, 1)
net = nn.Sequential(nn.Linear(16, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=60, T_mult=2)
for step in range(420):
    rows = torch.randint(0, 1800, (50,))
    loss = nn.functional.mse_loss(net(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    if step % 20 == 0:
        with torch.no_grad():
            val = nn.functional.mse_loss(net(x[1800:]), y[1800:]).item()
        print(
            f"step {step} lr {schedule.get_last_lr()[0]:.5f} loss {loss.item():.4f} val_loss {val:.4f}"
        )
