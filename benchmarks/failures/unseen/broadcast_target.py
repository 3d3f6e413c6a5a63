"""A regression whose targets have another shape than its outputs: the mean of all is all it learns.

Expected: not-learning
Also: validation-at-chance, loss-floor
"""

import warnings

import torch
from torch import nn

warnings.simplefilter("ignore")
torch.manual_seed(0)
x = torch.randn(3000, 8)
y = x @ torch.randn(8) + 0.1 * torch.randn(3000)
y = (y - y.mean()) / y.std()
model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
for epoch in range(40):
    for rows in torch.randperm(2400).split(64):
        loss = nn.functional.mse_loss(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        guess = model(x[2400:])[:, 0]
    held_out = (guess - y[2400:]).square().mean().item()
    print(
        f"epoch {epoch} train_loss {loss.item():.4f} val_mse {held_out:.4f} val_r2 {1 - held_out:.4f}"
    )
