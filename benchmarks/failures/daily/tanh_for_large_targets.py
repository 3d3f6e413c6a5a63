"""A regression net ends in tanh, from a script for pixels between -1 and 1; the targets lie between -60 and 60.

Expected: not-learning or loss-floor or vanishing-gradient or dead-units, says tanh or satur or range or scale or varia
Also: vanishing-gradient, not-learning
"""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(1600, 6)
y = 20 * x[:, :1] + 10 * x[:, 1:2] * x[:, 2:3]
net = nn.Sequential(
    nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1), nn.Tanh()
)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(1, 21):
    total = 0.0
    for rows in torch.randperm(1400).split(50):
        loss = nn.functional.mse_loss(net(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / 28
    with torch.no_grad():
        val = nn.functional.mse_loss(net(x[1400:]), y[1400:]).item()
    print(f"epoch {epoch} loss {total:.3f} val_loss {val:.3f}")
