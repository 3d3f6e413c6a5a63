"""Fine-tuning in two phases: the trunk is pretrained, then frozen on purpose, and only the new head learns.

Expected: nothing
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(3)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X).float() / 16, torch.tensor(y)
trunk = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU())


def fit(head, target, params, epochs, name):
    opt = torch.optim.Adam(params, lr=2e-3)
    for ep in range(epochs):
        tot = 0.0
        for b in torch.randperm(1500).split(50):
            loss = nn.functional.cross_entropy(head(trunk(X[b])), target[b])
            opt.zero_grad()
            loss.backward()
            opt.step()
            tot += loss.item() / 30
        with torch.no_grad():
            acc = (head(trunk(X[1500:])).argmax(1) == target[1500:]).float().mean().item()
        print(f"{name} epoch {ep}: loss {tot:.4f} val_acc {acc:.4f}")


h1 = nn.Linear(64, 10)
fit(h1, y, [*trunk.parameters(), *h1.parameters()], 8, "pretrain")
for p in trunk.parameters():
    p.requires_grad = False
h2 = nn.Linear(64, 2)
fit(h2, y % 2, h2.parameters(), 12, "parity")
