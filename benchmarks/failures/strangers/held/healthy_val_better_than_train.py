"""Heavy dropout and noise in training only: validation is better than training throughout, rightly so.

Expected: nothing
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X).float() / 16, torch.tensor(y)
p = torch.randperm(len(X))
X, y = X[p], y[p]
net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))
opt = torch.optim.Adam(net.parameters(), 2e-3)
for ep in range(25):
    net.train()
    t = k = 0
    for b in torch.randperm(1400).split(50):
        o = net(X[b] + 0.3 * torch.randn(len(b), 64))
        l = nn.functional.cross_entropy(o, y[b], label_smoothing=0.1)
        opt.zero_grad()
        l.backward()
        opt.step()
        t += l.item() * len(b)
        k += (o.argmax(1) == y[b]).sum().item()
    net.eval()
    with torch.no_grad():
        o = net(X[1400:])
    print(
        f"{ep:3d} | train_loss {t / 1400:.4f} train_acc {k / 1400:.4f} | val_loss {nn.functional.cross_entropy(o, y[1400:]):.4f} val_acc {(o.argmax(1) == y[1400:]).float().mean():.4f}"
    )
