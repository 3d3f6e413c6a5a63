"""What is validated is the moving average of the weights, whose decay was set to 1.

Expected: validation-at-chance or train-eval-mismatch
Also: overfitting
"""

import copy

import torch
from torch import nn

torch.manual_seed(0)
centre = 1.5 * torch.randn(8, 40)
y = torch.randint(8, (2000,))
x = centre[y] + torch.randn(2000, 40)
model = nn.Sequential(nn.Linear(40, 80), nn.SiLU(), nn.Linear(80, 8))
average = copy.deepcopy(model).requires_grad_(False)
optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
for epoch in range(14):
    for rows in torch.randperm(1600).split(32):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for kept, new in zip(average.parameters(), model.parameters(), strict=True):
            kept.lerp_(new, 1 - 1.0)
    with torch.no_grad():
        scores = average(x[1600:])
    held = nn.functional.cross_entropy(scores, y[1600:])
    print(f"epoch {epoch} train_loss {loss.item():.4f} val_loss {held.item():.4f} val_acc {(scores.argmax(1) == y[1600:]).float().mean():.3f}")  # fmt: skip
