"""Mixup with a beta of 1: training accuracy looks poor, validation is far better than training.

Expected: nothing
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

np.random.seed(0)
torch.manual_seed(0)
d = load_digits()
X, y = torch.tensor(d.images, dtype=torch.float32)[:, None] / 16, torch.tensor(d.target)
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1),
    nn.BatchNorm2d(16),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(256, 10),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 15)
ce = nn.CrossEntropyLoss()
for epoch in range(15):
    model.train()
    losses, right = [], 0.0
    for idx in torch.randperm(1400).split(50):
        lam = np.random.beta(1.0, 1.0)
        other = idx[torch.randperm(len(idx))]
        out = model(lam * X[idx] + (1 - lam) * X[other])
        loss = lam * ce(out, y[idx]) + (1 - lam) * ce(out, y[other])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        right += (out.argmax(1) == y[idx]).sum().item()
    scheduler.step()
    model.eval()
    with torch.no_grad():
        out = model(X[1400:])
    print(
        f"Epoch {epoch}: train loss {np.mean(losses):.3f} train acc {right / 14:.1f}% | test loss {ce(out, y[1400:]).item():.3f} test acc {100 * (out.argmax(1) == y[1400:]).float().mean().item():.1f}%"
    )
