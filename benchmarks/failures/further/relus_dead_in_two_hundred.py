"""An MLP on the breast cancer table, SGD with a rate of 8 where 0.08 was meant; it ends after 200 steps.

Expected: dead-units or not-learning or diverged or non-finite, says rate or update
Also: non-finite, not-learning, dead-units, vanishing-gradient, loss-floor, validation-at-chance, spike, exploding-gradient, weights-unchanged, frozen-parameters, diverged, initial-loss
"""

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

torch.manual_seed(1)
X, y = load_breast_cancer(return_X_y=True)
X = torch.tensor(StandardScaler().fit_transform(X), dtype=torch.float32)
y = torch.tensor(y)
p = torch.randperm(len(X))
X, y = X[p], y[p]
net = torch.nn.Sequential(
    torch.nn.Linear(30, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64), torch.nn.ReLU(),
    torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 2),
)  # fmt: skip
optim = torch.optim.SGD(net.parameters(), lr=8)
for i in range(200):
    idx = torch.randint(0, 450, (32,))
    loss = torch.nn.functional.cross_entropy(net(X[idx]), y[idx])
    optim.zero_grad()
    loss.backward()
    optim.step()
    if i % 5 == 0:
        with torch.no_grad():
            acc = (net(X[450:]).argmax(1) == y[450:]).float().mean()
        print(f"iteration {i}, loss {loss.item():.4f}, test accuracy {acc.item():.4f}")
