"""Density estimation by a mixture of narrow Gaussians: the negative log-likelihood goes below zero and further down.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
data = torch.cat([0.05 * torch.randn(800, 2) + 1, 0.08 * torch.randn(800, 2) - 1])[
    torch.randperm(1600)
]


class Mixture(nn.Module):
    def __init__(self, k=6):
        super().__init__()
        self.logits, self.mean = nn.Parameter(torch.zeros(k)), nn.Parameter(torch.randn(k, 2))
        self.log_scale = nn.Parameter(torch.zeros(k, 2))

    def forward(self, x):
        parts = torch.distributions.Normal(self.mean, self.log_scale.exp())
        inside = parts.log_prob(x[:, None]).sum(-1) + self.logits.log_softmax(0)
        return -inside.logsumexp(1).mean()


model = Mixture()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for epoch in range(14):
    total = 0.0
    for rows in torch.randperm(1400).split(50):
        loss = model(data[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / 28
    with torch.no_grad():
        val = model(data[1400:]).item()
    print(f"epoch {epoch} train_nll {total:.4f} val_nll {val:.4f}")
