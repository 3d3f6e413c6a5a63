"""The outputs of every step are kept for a plot at the end, with their graphs.

Expected: memory-growth
Also: slowdown
"""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(64, 1024), nn.ReLU(), nn.Linear(1024, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
kept = []
for step in range(1800):
    x = torch.randn(128, 64)
    out = model(x)
    loss = nn.functional.cross_entropy(out, x[:, :10].argmax(1))
    kept.append(out)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    hidden = torch.relu(model[0](x))
    kept.append(hidden)
    if step % 20 == 0:
        print(f"iter {step} loss {loss.item():.4f}")
