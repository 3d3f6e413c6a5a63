"""`reduction="sum"` while the batch grows from 8 to 1024 on a schedule: each step is a hundred times as long in the end.

Expected: diverged or exploding-gradient or non-finite
Also: exploding-gradient, spike, diverged, non-finite, initial-loss, learning-rate-jump
"""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(4000, 12)
y = torch.sin(x[:, :3].sum(1, keepdim=True)) + 0.1 * torch.randn(4000, 1)
net = nn.Sequential(nn.Linear(12, 48), nn.Tanh(), nn.Linear(48, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=2e-3)
criterion = nn.MSELoss(reduction="sum")
for step in range(480):
    size = 8 * 2 ** (step // 60)
    rows = torch.randint(0, 4000, (size,))
    loss = criterion(net(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step} batch {size} loss_per_row {loss.item() / size:.4f}")
