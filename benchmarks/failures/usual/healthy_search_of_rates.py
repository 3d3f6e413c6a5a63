"""A small search in one process: three rates, each with a model of its own; one of them is slow, none is broken.

Expected: nothing
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

d = load_digits()
X, y = torch.tensor(d.data, dtype=torch.float32) / 16, torch.tensor(d.target)
results = {}
for lr in (1e-4, 1e-3, 1e-2):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for epoch in range(12):
        for idx in torch.randperm(1400).split(35):
            loss = nn.functional.cross_entropy(model(X[idx]), y[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            acc = (model(X[1400:]).argmax(1) == y[1400:]).float().mean().item()
        print(f"lr={lr} epoch={epoch} loss={loss.item():.4f} val_acc={acc:.4f}")
    results[lr] = acc
print("best:", max(results, key=results.get))
