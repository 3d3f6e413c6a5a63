"""`nn.init.constant_(w, 0.05)` for all weights, as in an exercise: all units of a layer do the same, and always will.

Expected: not-learning or initial-loss or dead-units or vanishing-gradient or validation-at-chance, says same or equal or alike or constant
"""

import torch
from torch import nn

torch.manual_seed(0)
centres = 2 * torch.randn(10, 30)
y = torch.randint(0, 10, (1600,))
x = centres[y] + torch.randn(1600, 30)
net = nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
for module in net:
    if isinstance(module, nn.Linear):
        nn.init.constant_(module.weight, 0.05)
        nn.init.zeros_(module.bias)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(10):
    total = 0.0
    for rows in torch.randperm(1400).split(50):
        loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / 28
    with torch.no_grad():
        acc = (net(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
    print(f"epoch {epoch} loss {total:.4f} val_acc {acc:.4f}")
