"""A mixture of experts cools its gate by 0.9 in each step, with no bound: at some time a logit is divided by zero.

Expected: non-finite, says nan or finite
Also: spike, diverged, exploding-gradient
"""

import torch
from torch import nn

torch.manual_seed(0)


class Experts(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(6, 4)
        self.experts = nn.ModuleList([nn.Linear(6, 1) for _ in range(4)])

    def forward(self, x, temperature):
        weight = torch.softmax(self.gate(x) / temperature, 1)
        return (weight * torch.cat([e(x) for e in self.experts], 1)).sum(1)


model = Experts()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
temperature = torch.tensor(1.0)
for step in range(1100):
    x = torch.randn(32, 6)
    y = torch.where(x[:, 0] > 0, x[:, 1], -2 * x[:, 2])
    loss = nn.functional.mse_loss(model(x, temperature), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    temperature = temperature * 0.9
    if step % 20 == 0:
        print(f"step {step} loss {loss.item():.4f} temperature {temperature.item():.3g}")
