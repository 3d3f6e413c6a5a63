"""Three quantiles by the pinball loss: a floor that nobody knows beforehand.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.rand(2000, 1) * 6
y = x.sin() + (0.2 + 0.1 * x) * torch.randn(2000, 1)
levels = torch.tensor([0.1, 0.5, 0.9])
model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 3))
optimizer = torch.optim.Adam(model.parameters(), 3e-3)


def pinball(out, target):
    short = target - out
    return torch.maximum(levels * short, (levels - 1) * short).mean()


for epoch in range(25):
    for rows in torch.randperm(1600).split(40):
        loss = pinball(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        print(
            f"{epoch},{loss.item():.4f},val_pinball={pinball(model(x[1600:]), y[1600:]).item():.4f}"
        )
