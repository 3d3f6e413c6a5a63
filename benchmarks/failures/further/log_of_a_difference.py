"""A ranking loss takes the logarithm of a difference of scores, which goes negative once; the batch is dropped by hand after.

Expected: non-finite, says log
Also: hidden-nan, not-learning, spike
"""

import torch
from torch import nn

torch.manual_seed(1)
scorer = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1), nn.Sigmoid())
optimizer = torch.optim.Adam(scorer.parameters(), lr=2e-3)
taste = torch.randn(6)
skipped = 0
for step in range(300):
    a, b = torch.randn(64, 6), torch.randn(64, 6)
    better = (a @ taste > b @ taste).unsqueeze(1)
    first, second = torch.where(better, a, b), torch.where(better, b, a)
    loss = -torch.log(scorer(first) - scorer(second) + 0.4).mean()
    if torch.isnan(loss):
        skipped += 1
        continue
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step} loss {loss.item():.4f} skipped {skipped}")
print("final loss", loss.item())
