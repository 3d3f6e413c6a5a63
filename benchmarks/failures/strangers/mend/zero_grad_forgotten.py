"""zero_grad is forgotten: the gradients of all steps add up, and SGD swings ever wider.

Expected: diverged or exploding-gradient or not-learning
Also: diverged, exploding-gradient, not-learning, dead-units, non-finite, validation-at-chance, spike, overfitting
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X).float() / 16, torch.tensor(y)
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
opt = torch.optim.SGD(net.parameters(), 0.1)
step = 0
for ep in range(20):
    for b in torch.randperm(1500).split(50):
        loss = nn.functional.cross_entropy(net(X[b]), y[b])
        loss.backward()
        opt.step()
        step += 1
        if step % 5 == 0:
            print(f"step {step}: loss = {loss.item():.4f}")
    with torch.no_grad():
        print(f"step {step}: val_acc = {(net(X[1500:]).argmax(1) == y[1500:]).float().mean():.4f}")
