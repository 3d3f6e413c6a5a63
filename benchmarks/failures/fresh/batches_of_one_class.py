"""A batch sampler groups the rows by class and shuffles the batches: each holds a single class.

Expected: unshuffled-data
Also: not-learning, validation-at-chance, diverged, overfitting
"""

import random

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
centres = 2 * torch.randn(5, 20)
y = torch.randint(0, 5, (2000,))
x = centres[y] + 2.0 * torch.randn(2000, 20)
x_held, y_held, x, y = x[-400:], y[-400:], x[:-400], y[:-400]


class ByClass:
    def __len__(self):
        return len(x) // 32

    def __iter__(self):
        batches = [rows.tolist() for k in range(5) for rows in (y == k).nonzero()[:, 0].split(32)]
        random.shuffle(batches)
        return iter(batches)


random.seed(0)
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_sampler=ByClass())

model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5))
optimizer = torch.optim.SGD(model.parameters(), 0.05)
for epoch in range(12):
    model.train()
    for xs, ys in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(xs), ys)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        out = model(x_held)
        held, right = (
            F.cross_entropy(out, y_held).item(),
            (out.argmax(1) == y_held).float().mean().item(),
        )
    print(f"[{epoch:02d}] train {loss.item():.4f} | valid loss {held:.4f} acc {right:.3f}")
