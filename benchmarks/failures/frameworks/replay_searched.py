"""Every step searches all that was ever kept for a double: the steps get slower and slower.

Expected: slowdown
Also: memory-growth
"""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(16, 64), nn.Tanh(), nn.Linear(64, 2))
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
kept = []
for step in range(1500):
    x = torch.randn(32, 16)
    y = (x[:, 0] * x[:, 1] > 0).long()
    kept.append(x.mean(0).tolist())
    nearest = min(kept, key=lambda row: sum(abs(a - b) for a, b in zip(row, kept[-1], strict=True)))
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 25 == 0:
        print(f"step {step} loss {loss.item():.4f}")
