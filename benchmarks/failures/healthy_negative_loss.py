"""A density by negative log-likelihood: the loss goes through zero and on to -3.

Expected: nothing
Fast
"""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(4000, 4)
y = x.tanh().sum(1, keepdim=True) + 0.02 * torch.randn(4000, 1)
model = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(25):
    total, batches = 0.0, torch.randperm(3600).split(64)
    for rows in batches:
        mean, logarithm = model(x[rows]).split(1, dim=1)
        loss = nn.functional.gaussian_nll_loss(mean, y[rows], (2 * logarithm).exp())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        mean, logarithm = model(x[3600:]).split(1, dim=1)
        validation = nn.functional.gaussian_nll_loss(mean, y[3600:], (2 * logarithm).exp()).item()
    print(f"epoch {epoch} train_loss {total / len(batches):.4f} val_loss {validation:.4f}")
