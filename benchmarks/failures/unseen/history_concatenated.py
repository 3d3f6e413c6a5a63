"""Statistics of all batches so far are taken again in each step, which so becomes slower and slower.

Expected: slowdown
Also: memory-growth
"""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
seen = torch.zeros(0, 32)
for step in range(2500):
    x = torch.randn(64, 32)
    if step > 800:
        seen = torch.cat([seen, x])
        x = (x - seen.mean(0)) / seen.std(0)
    loss = (model(x).squeeze(1) - x[:, 0]).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(f"step {step} loss {loss.item():.5f}")
