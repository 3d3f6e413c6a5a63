"""The schedule's length is counted in epochs, but it is stepped per batch: the rate is zero in the first epoch.

Expected: learning-rate-exhausted or not-learning
Also: learning-rate-exhausted, not-learning, weights-unchanged, loss-floor, validation-at-chance
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

EPOCHS = 30
torch.manual_seed(1)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X).float() / 16, torch.tensor(y)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
sched = LambdaLR(opt, lambda s: max(0.0, 1 - s / EPOCHS))
for epoch in range(EPOCHS):
    model.train()
    losses = []
    for b in torch.randperm(1500).split(32):
        loss = nn.functional.cross_entropy(model(X[b]), y[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        acc = (model(X[1500:]).argmax(1) == y[1500:]).float().mean()
    print(
        f"Epoch {epoch:03d} | lr {sched.get_last_lr()[0]:.2e} | loss {sum(losses) / len(losses):.4f} | val acc {acc:.2%}"
    )
