"""BatchNorm with momentum 0: running statistics stay at 0 and 1, so eval mode sees raw inputs unnormalised.

Expected: train-eval-mismatch or overfitting
Also: train-eval-mismatch, overfitting
"""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X = torch.tensor(X).float() * 16
y = torch.tensor(y)
net = nn.Sequential(
    nn.Linear(64, 64),
    nn.BatchNorm1d(64, momentum=0.0),
    nn.ReLU(),
    nn.Linear(64, 64),
    nn.BatchNorm1d(64, momentum=0.0),
    nn.ReLU(),
    nn.Linear(64, 10),
)
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(25):
    net.train()
    ok = tot = 0
    for b in torch.randperm(1400).split(64):
        z = net(X[b])
        loss = nn.functional.cross_entropy(z, y[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        tot += loss.item() * len(b)
        ok += (z.argmax(1) == y[b]).sum().item()
    net.eval()
    with torch.no_grad():
        z = net(X[1400:])
    print(
        f"Train Epoch: {epoch}\tLoss: {tot / 1400:.6f}\tAcc: {ok / 1400:.4f}\nTest set: val_loss: {nn.functional.cross_entropy(z, y[1400:]):.4f}, val_acc: {(z.argmax(1) == y[1400:]).float().mean():.4f}"
    )
