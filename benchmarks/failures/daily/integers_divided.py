"""Pixels are bytes, and `x // 255` was written for `x / 255`: next to all of the input is zero.

Expected: not-learning or validation-at-chance or repeated-batches or dead-units or train-eval-mismatch, says input or constant or zero or same
"""

import torch
from torch import nn

torch.manual_seed(0)
kinds = 250 * torch.rand(7, 64)
y = torch.randint(0, 7, (1600,))
x = (kinds[y] + 40 * torch.randn(1600, 64)).clamp(0, 254).to(torch.uint8)
net = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 7))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
for epoch in range(10):
    total = 0.0
    for rows in torch.randperm(1400).split(50):
        loss = nn.functional.cross_entropy(net((x[rows] // 255).float()), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / 28
    with torch.no_grad():
        acc = (net((x[1400:] // 255).float()).argmax(1) == y[1400:]).float().mean().item()
    print(f"epoch {epoch + 1} loss {total:.4f} accuracy {acc:.4f}")
