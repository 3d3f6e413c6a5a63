"""A step decay by hand, `lr * 10 ** (epoch // 4)`: the minus is missing, and the rate goes up ten times.

Expected: learning-rate-jump or diverged or non-finite, says rate
Also: diverged, non-finite, spike, exploding-gradient, learning-rate-jump, not-learning, validation-at-chance
"""

import torch
from sklearn.datasets import load_diabetes
from torch import nn

torch.manual_seed(6)
X, Y = load_diabetes(return_X_y=True)
X = torch.tensor(X / X.std(0), dtype=torch.float32)
Y = torch.tensor((Y - Y.mean()) / Y.std(), dtype=torch.float32).unsqueeze(1)
train_x, train_y, test_x, test_y = X[:352], Y[:352], X[352:], Y[352:]
LR = 0.02
net = nn.Sequential(nn.Linear(10, 40), nn.ReLU(), nn.Linear(40, 1))
sgd = torch.optim.SGD(net.parameters(), lr=LR)


def adjust_learning_rate(epoch):
    lr = LR * 10 ** (epoch // 4)
    for group in sgd.param_groups:
        group["lr"] = lr
    return lr


for epoch in range(12):
    lr = adjust_learning_rate(epoch)
    order = torch.randperm(352)
    total = 0.0
    for k in range(0, 352, 16):
        sel = order[k : k + 16]
        loss = nn.functional.mse_loss(net(train_x[sel]), train_y[sel])
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        total += loss.item() * len(sel)
    with torch.no_grad():
        test = nn.functional.mse_loss(net(test_x), test_y).item()
    print(f"epoch {epoch:02d} | loss {total / 352:.4f} | test {test:.4f}")
