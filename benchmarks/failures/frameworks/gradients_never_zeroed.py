"""The call that zeroes the gradients got lost in a merge; SGD goes on with the sum of all that ever were.

Expected: diverged or not-learning or non-finite or exploding-gradient
Also: dead-units, spike, overfitting
"""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(1600, 24)
y = torch.sin(x[:, :4]).sum(1, keepdim=True) + 0.1 * torch.randn(1600, 1)
model = nn.Sequential(nn.Linear(24, 96), nn.Tanh(), nn.Linear(96, 96), nn.Tanh(), nn.Linear(96, 1))
optimizer = torch.optim.SGD(model.parameters(), 0.02)
for epoch in range(25):
    for rows in torch.randperm(1600).split(40):
        loss = (model(x[rows]) - y[rows]).square().mean()
        loss.backward()
        optimizer.step()
    print(f"[{epoch + 1}/25] mse: {loss.item():.4f}")
