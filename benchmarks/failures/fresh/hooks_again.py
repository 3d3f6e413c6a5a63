"""A hook that takes statistics is registered in every step, and so runs once more in each.

Expected: slowdown
Also: memory-growth
"""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 20))
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
spreads = {}
for step in range(700):
    model[0].register_forward_hook(lambda m, a, out: spreads.update(std=out.std().item()))
    x = torch.randn(32, 20)
    loss = F.mse_loss(model(x), x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"step {step} loss {loss.item():.4f} activation_std {spreads['std']:.3f}")
