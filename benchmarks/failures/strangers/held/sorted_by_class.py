"""A folder-per-class listing read in order, without shuffling: each stretch of batches holds one class only.

Expected: unshuffled-data
Also: not-learning, diverged, validation-at-chance, spike, train-eval-mismatch, overfitting
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X).float() / 16, torch.tensor(y)
p = torch.randperm(len(X))
tr, va = p[:1500], p[1500:]
tr = tr[y[tr].argsort()]
dl = DataLoader(TensorDataset(X[tr], y[tr]), batch_size=10, shuffle=False)
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
opt = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9)
n = 0
for ep in range(12):
    for xb, yb in dl:
        l = nn.functional.cross_entropy(net(xb), yb)
        opt.zero_grad()
        l.backward()
        opt.step()
        n += 1
        if n % 5 == 0:
            print(f"step {n} loss {l.item():.4f}")
    with torch.no_grad():
        print(f"step {n} val_acc {(net(X[va]).argmax(1) == y[va]).float().mean():.4f}")
