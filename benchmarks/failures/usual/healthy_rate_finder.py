"""A range test raises the rate until the loss explodes; weights are put back, and the training takes a tenth of the best.

Expected: nothing
"""

import copy

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X, y = torch.tensor(d.data, dtype=torch.float32) / 16, torch.tensor(d.target)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()


def find_lr(model, low=1e-5, high=10.0, steps=80):
    saved = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD(model.parameters(), lr=low, momentum=0.9)
    best, best_lr, lr = float("inf"), low, low
    for _ in range(steps):
        idx = torch.randint(0, 1400, (64,))
        loss = loss_fn(model(X[idx]), y[idx])
        if loss.item() > 4 * best:
            break
        if loss.item() < best:
            best, best_lr = loss.item(), lr
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        lr *= (high / low) ** (1 / steps)
        for g in optimizer.param_groups:
            g["lr"] = lr
    model.load_state_dict(saved)
    return best_lr / 10


lr = find_lr(model)
print(f"suggested lr: {lr:.4g}")
optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
for epoch in range(15):
    for idx in torch.randperm(1400).split(64):
        loss = loss_fn(model(X[idx]), y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        out = model(X[1400:])
    print(f"epoch {epoch} loss {loss.item():.4f} val_loss {loss_fn(out, y[1400:]).item():.4f}")
