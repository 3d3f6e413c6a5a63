"""Features and labels are shuffled by two different permutations; held-out stays at chance while training memorises.

Expected: overfitting or validation-at-chance
Also: overfitting, validation-at-chance, not-learning, train-eval-mismatch
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

rng = np.random.default_rng(3)
torch.manual_seed(3)
data = load_digits()
X = rng.permutation(data.data.astype("float32") / 16)
y = rng.permutation(data.target)
X, y = torch.from_numpy(X), torch.from_numpy(y)
Xtr, Xva, ytr, yva = X[:1300], X[1300:], y[:1300], y[1300:]
m = nn.Sequential(nn.Linear(64, 400), nn.ReLU(), nn.Linear(400, 10))
o = torch.optim.Adam(m.parameters(), lr=2e-3)
for e in range(40):
    s = 0.0
    for b in torch.randperm(1300).split(64):
        l = nn.functional.cross_entropy(m(Xtr[b]), ytr[b])
        o.zero_grad()
        l.backward()
        o.step()
        s += l.item() * len(b)
    with torch.no_grad():
        lv = m(Xva)
        vl = nn.functional.cross_entropy(lv, yva)
        va = (lv.argmax(1) == yva).float().mean()
    print(f"epoch={e} loss={s / 1300:.4f} val_loss={vl:.4f} val_acc={va:.4f}")
