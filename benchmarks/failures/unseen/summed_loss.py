"""A classifier of sequences whose cross-entropy is summed over the batch.

Expected: initial-loss, says summed
Also: diverged, exploding-gradient
"""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randint(20, (1500, 15))
y = (x < 10).sum(1) // 4
model = nn.Sequential(nn.EmbeddingBag(20, 24), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(700):
    rows = torch.randint(1500, (64,))
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows], reduction="sum")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step: {step} loss: {loss.item():.3f}")
