"""Uncertainty by ten passes with dropout on: evaluation calls `train()` on the dropout layers alone, under no_grad.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(1500, 8)
y = x[:, :1] ** 2 + 0.3 * torch.randn(1500, 1)
net = nn.Sequential(
    nn.Linear(8, 64),
    nn.ReLU(),
    nn.Dropout(0.2),
    nn.Linear(64, 64),
    nn.ReLU(),
    nn.Dropout(0.2),
    nn.Linear(64, 1),
)
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)


def uncertain(inputs):
    net.eval()
    for module in net:
        if isinstance(module, nn.Dropout):
            module.train()
    with torch.no_grad():
        out = torch.stack([net(inputs) for _ in range(10)])
    return out.mean(0), out.std(0)


for epoch in range(12):
    net.train()
    total = 0.0
    for rows in torch.randperm(1300).split(50):
        loss = nn.functional.mse_loss(net(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / 26
    mean, spread = uncertain(x[1300:])
    print(
        f"epoch {epoch} loss {total:.4f} val_mse {nn.functional.mse_loss(mean, y[1300:]).item():.4f} spread {spread.mean().item():.3f}"
    )
