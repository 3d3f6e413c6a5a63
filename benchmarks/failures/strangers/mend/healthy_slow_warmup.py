"""A long linear warmup: nearly nothing happens for the first epochs, then it learns.

Expected: nothing
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X).float() / 16, torch.tensor(y)
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
opt = torch.optim.SGD(net.parameters(), 0.1)
sch = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1.0, (s + 1) / 300))
for ep in range(25):
    t = 0
    for b in torch.randperm(1500).split(50):
        l = nn.functional.cross_entropy(net(X[b]), y[b])
        opt.zero_grad()
        l.backward()
        opt.step()
        sch.step()
        t += l.item() / 30
    with torch.no_grad():
        print(
            f"epoch {ep} lr {sch.get_last_lr()[0]:.4f} loss {t:.4f} val_acc {(net(X[1500:]).argmax(1) == y[1500:]).float().mean():.4f}"
        )
