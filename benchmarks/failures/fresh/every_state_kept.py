"""A copy of all weights is kept after each step, for a mean that is never taken: 1 MB a step.

Expected: memory-growth
"""

from copy import deepcopy

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(64, 2000), nn.ReLU(), nn.Linear(2000, 64))
optimizer = torch.optim.SGD(model.parameters(), 0.01)
kept = []
for step in range(500):
    x = torch.randn(4, 64)
    loss = F.mse_loss(model(x), x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    kept.append(deepcopy(model.state_dict()))
    if step % 5 == 0:
        print(f"step {step:5d}  reconstruction loss {loss.item():.4f}")
