"""Sums on long vectors; the losses are kept for a mean, and each keeps its whole graph: 2 MB a step.

Expected: memory-growth
"""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(32, 256), nn.Tanh(), nn.Linear(256, 256), nn.Tanh(), nn.Linear(256, 1))  # fmt: skip
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
losses = []
for step in range(200):
    x = torch.randn(512, 32)
    loss = nn.functional.mse_loss(model(x), x.sum(1, keepdim=True) / 5)
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
    losses.append(loss)
    if step % 10 == 0:
        print(f"step {step} loss {torch.stack(losses[-10:]).mean().item():.4f}")
