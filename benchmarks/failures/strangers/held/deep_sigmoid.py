"""Fourteen sigmoid layers with small init: the gradient never gets to the first ones, the loss stays at ln 10.

Expected: vanishing-gradient or not-learning
Also: vanishing-gradient, not-learning, weights-unchanged, loss-floor, validation-at-chance, dead-units
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X).float() / 16, torch.tensor(y)
layers = [nn.Linear(64, 48), nn.Sigmoid()]
for _ in range(13):
    layers += [nn.Linear(48, 48), nn.Sigmoid()]
net = nn.Sequential(*layers, nn.Linear(48, 10))
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(1, 31):
    s = 0
    for b in torch.randperm(1500).split(50):
        loss = nn.functional.cross_entropy(net(X[b]), y[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        s += loss.item() / 30
    with torch.no_grad():
        a = (net(X[1500:]).argmax(1) == y[1500:]).float().mean()
    print(f"Epoch: {epoch} - loss: {s:.4f} - val_accuracy: {a:.4f}")
