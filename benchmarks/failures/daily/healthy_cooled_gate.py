"""A gate over experts is cooled from 1 to 0.3, and stays there; one expert is chosen for most rows in the end.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)


class Experts(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(6, 3)
        self.experts = nn.ModuleList([nn.Linear(6, 1) for _ in range(3)])

    def forward(self, x, temperature):
        weight = torch.softmax(self.gate(x) / temperature, 1)
        return (weight * torch.cat([e(x) for e in self.experts], 1)).sum(1)


model = Experts()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(400):
    x = torch.randn(48, 6)
    y = torch.where(x[:, 0] > 0, x[:, 1], -2 * x[:, 2])
    loss = nn.functional.mse_loss(model(x, max(0.3, 0.99**step)), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step} loss {loss.item():.4f}")
