"""Class weights are one over the counts; the last class has no row in training, its weight is infinite, and one comes in time.

Expected: non-finite
Also: spike, diverged, hidden-nan
"""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(1500, 14)
y = (x @ torch.randn(14, 5)).argmax(1)
sample = y[:200].clone()
sample[sample == 4] = 3
weights = 1.0 / torch.bincount(sample, minlength=5).float()
net = nn.Sequential(nn.Linear(14, 32), nn.ReLU(), nn.Linear(32, 5))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss(weight=weights)
stages = [torch.nonzero(y != 4).squeeze(1), torch.arange(1500)]
for step in range(240):
    pool = stages[step >= 120]
    rows = pool[torch.randint(0, len(pool), (24,))]
    loss = criterion(net(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step:3d} loss {loss.item():.4f}")
