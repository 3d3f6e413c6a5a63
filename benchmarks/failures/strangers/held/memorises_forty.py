"""Forty noisy examples of two hundred features, a wide net, and far too many epochs.

Expected: overfitting
Also: validation-at-chance, train-eval-mismatch
"""

import torch
from sklearn.datasets import make_classification
from torch import nn

torch.manual_seed(0)
X, y = make_classification(1040, 200, n_informative=6, flip_y=0.15, random_state=4)
X, y = torch.tensor(X).float(), torch.tensor(y)
net = nn.Sequential(nn.Linear(200, 256), nn.ReLU(), nn.Linear(256, 2))
opt = torch.optim.Adam(net.parameters(), 3e-4)
for ep in range(150):
    t = 0
    for b in torch.randperm(40).split(8):
        l = nn.functional.cross_entropy(net(X[b]), y[b])
        opt.zero_grad()
        l.backward()
        opt.step()
        t += l.item() / 5
    with torch.no_grad():
        z = net(X[40:])
        v = nn.functional.cross_entropy(z, y[40:])
    print(
        f"epoch={ep} train_loss={t:.4f} valid_loss={v:.4f} valid_acc={(z.argmax(1) == y[40:]).float().mean():.4f}"
    )
