"""The sanity check that everybody is told to make: 32 rows, one batch, until the loss is nought.

Expected: nothing
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
x, y = torch.tensor(d.data[:32], dtype=torch.float32) / 16, torch.tensor(d.target[:32])
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(300):
    logits = model(x)
    loss = nn.functional.cross_entropy(logits, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(
            f"overfit check step {step} loss {loss.item():.5f} acc {(logits.argmax(1) == y).float().mean().item():.3f}"
        )
