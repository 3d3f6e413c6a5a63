"""A deep plain CNN on digits with a rate of 0.6 and momentum: a few steps throw whole layers below zero.

Expected: dead-units or not-learning, says rate
Also: not-learning, dead-units, vanishing-gradient, loss-floor, validation-at-chance, spike, exploding-gradient, weights-unchanged, frozen-parameters, diverged
"""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(5)
d = load_digits()
x = torch.tensor(d.images, dtype=torch.float).unsqueeze(1) / 16.0
y = torch.tensor(d.target)
perm = torch.randperm(len(x))
x, y = x[perm], y[perm]
layers, channels = [], 1
for width in (8, 16, 16, 32):
    layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
    channels = width
net = nn.Sequential(
    *layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)
)
sgd = torch.optim.SGD(net.parameters(), lr=0.6, momentum=0.95)
step = 0
for epoch in range(8):
    for i in range(0, 1536, 64):
        loss = F.cross_entropy(net(x[i : i + 64]), y[i : i + 64])
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        if step % 8 == 0:
            print(f"step {step}: loss = {loss.item():.4f}")
        step += 1
    with torch.no_grad():
        acc = (net(x[1536:]).argmax(1) == y[1536:]).float().mean()
    print(f"epoch {epoch} done, val accuracy = {acc:.4f}")
