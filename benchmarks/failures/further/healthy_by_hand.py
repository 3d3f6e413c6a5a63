"""No optimizer at all: the weights are changed by hand under no_grad, as the first tutorial does.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.linspace(-1, 1, 400).unsqueeze(1)
y = x**3 - 0.5 * x + 0.05 * torch.randn_like(x)
model = nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 1))
lr = 0.1
for t in range(600):
    loss = nn.functional.mse_loss(model(x), y)
    model.zero_grad()
    loss.backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= lr * p.grad
    if t % 25 == 0:
        print(t, "loss", round(loss.item(), 6))
