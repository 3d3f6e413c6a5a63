"""Two per cent positives, weighted loss: accuracy sits near the majority share from the first epoch on, while loss and AUC improve.

Expected: nothing
"""

import torch
from sklearn.datasets import make_classification
from sklearn.metrics import roc_auc_score
from torch import nn

torch.manual_seed(0)
X, y = make_classification(
    12000, 20, n_informative=10, weights=[0.98], flip_y=0, class_sep=1.2, random_state=1
)
X, y = torch.tensor(X).float(), torch.tensor(y).float()
f = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
opt = torch.optim.Adam(f.parameters(), 5e-4)
crit = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(20.0))
for ep in range(20):
    tot = 0.0
    for b in torch.randperm(10000).split(100):
        l = crit(f(X[b]).squeeze(1), y[b])
        opt.zero_grad()
        l.backward()
        opt.step()
        tot += l.item() / 100
    with torch.no_grad():
        z = f(X[10000:]).squeeze(1)
    print(
        f"epoch {ep} loss {tot:.4f} val_loss {crit(z, y[10000:]).item():.4f} val_acc {((z > 0) == (y[10000:] > 0)).float().mean():.4f} val_auc {roc_auc_score(y[10000:], z):.4f}"
    )
