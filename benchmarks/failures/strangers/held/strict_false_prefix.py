"""A checkpoint saved with 'module.' in front of the names is loaded with strict=False: nothing is loaded.

Expected: checkpoint-not-loaded
Also: initial-loss
"""

import os
import tempfile

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X).float() / 16, torch.tensor(y)
make = lambda: nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
path = os.path.join(tempfile.mkdtemp(), "last.pt")


def fit(net, epochs, start=0):
    opt = torch.optim.Adam(net.parameters(), 1e-3)
    for ep in range(start, start + epochs):
        t = 0
        for b in torch.randperm(1500).split(50):
            l = nn.functional.cross_entropy(net(X[b]), y[b])
            opt.zero_grad()
            l.backward()
            opt.step()
            t += l.item() / 30
        print(f"epoch {ep} loss {t:.4f}")


first = make()
fit(first, 15)
torch.save({"module." + k: v for k, v in first.state_dict().items()}, path)
second = make()
second.load_state_dict(torch.load(path), strict=False)
print("resumed from", path)
fit(second, 15, 15)
