"""Ninety rows are all there is: the whole table is the batch of each step, weakly regularised, with a held-out third.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(90, 5)
y = (x[:, 0] + x[:, 1] + 0.3 * torch.randn(90) > 0).float()
net = nn.Sequential(nn.Linear(5, 12), nn.Tanh(), nn.Linear(12, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3, weight_decay=0.02)
criterion = nn.BCEWithLogitsLoss()
for step in range(300):
    loss = criterion(net(x[:60]).squeeze(1), y[:60])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 15 == 0:
        with torch.no_grad():
            val = criterion(net(x[60:]).squeeze(1), y[60:]).item()
        print(f"step {step} loss {loss.item():.4f} val_loss {val:.4f}")
