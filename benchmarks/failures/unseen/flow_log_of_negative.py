"""A flow over two dimensions whose scale is no exponential: at a batch it is negative, and so is no log.

Expected: non-finite
Also: diverged
"""

import torch
from torch import nn

torch.manual_seed(0)
data = torch.randn(2000, 2) @ torch.tensor([[1.0, 0.6], [0.0, 0.5]])
net = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 2))
nn.init.constant_(net[2].bias, 0.35)
optimizer = torch.optim.Adam(net.parameters(), 2e-2)
for step in range(400):
    rows = data[torch.randint(2000, (64,))]
    shift, scale = net(rows[:, :1]).chunk(2, 1)
    z = (rows[:, 1:] - shift) * (scale - 0.004 * step)
    nll = (0.5 * z**2 - torch.log(scale - 0.004 * step)).mean()
    optimizer.zero_grad()
    nll.backward()
    optimizer.step()
    if step % 5 == 0:
        print(f"[{step}/400] nll={nll.item():.4f}")
