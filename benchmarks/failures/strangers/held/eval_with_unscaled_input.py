"""Validation inputs skip the normalisation that training has: good training loss, poor held-out from the start.

Expected: validation-at-chance or train-eval-mismatch or overfitting
Also: validation-at-chance, train-eval-mismatch, overfitting
"""

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

torch.manual_seed(0)
X, y = load_breast_cancer(return_X_y=True)
X, y = torch.tensor(X).float(), torch.tensor(y)
p = torch.randperm(len(X))
X, y = X[p], y[p]
Xtr, ytr, Xva, yva = X[:400], y[:400], X[400:], y[400:]
Xtr = (Xtr - Xtr.mean(0)) / Xtr.std(0)
mlp = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 2))
opt = torch.optim.Adam(mlp.parameters(), lr=1e-3)
for epoch in range(100):
    tot, hit = 0.0, 0
    for i in torch.randperm(400).split(16):
        o = mlp(Xtr[i])
        l = nn.functional.cross_entropy(o, ytr[i])
        opt.zero_grad()
        l.backward()
        opt.step()
        tot += l.item() * len(i)
        hit += (o.argmax(1) == ytr[i]).sum().item()
    with torch.no_grad():
        o = mlp(Xva)
        print(
            f"ep {epoch} train_loss={tot / 400:.4f} train_acc={hit / 400:.3f} val_loss={nn.functional.cross_entropy(o, yva):.4f} val_acc={(o.argmax(1) == yva).float().mean():.3f}"
        )
