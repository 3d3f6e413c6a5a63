"""Regression on diabetes with SGD, targets in raw units (25..346) and rate 0.1: explodes at once, then only predicts the mean.

Expected: diverged or exploding-gradient or not-learning or dead-units
Also: diverged, exploding-gradient, not-learning, dead-units, loss-floor, spike, weights-unchanged, vanishing-gradient, validation-at-chance
"""

import torch
from sklearn.datasets import load_diabetes
from torch import nn

torch.manual_seed(0)
X, y = load_diabetes(return_X_y=True, scaled=False)
X, y = torch.tensor(X).float(), torch.tensor(y).float()
net = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for ep in range(100):
    L = []
    for b in torch.randperm(360).split(20):
        loss = ((net(X[b]).squeeze(1) - y[b]) ** 2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        L.append(loss.item())
    with torch.no_grad():
        v = ((net(X[360:]).squeeze(1) - y[360:]) ** 2).mean().item()
    print(f"epoch {ep} train_mse {sum(L) / len(L):.2f} val_mse {v:.2f}")
