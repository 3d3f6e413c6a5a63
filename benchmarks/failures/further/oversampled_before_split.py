"""The rare class is oversampled before the rows are split, so that most of its test rows stand in training too.

Expected: too-good
Also: overfitting
"""

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import nn

rng = np.random.default_rng(0)
torch.manual_seed(0)
X = rng.normal(size=(1200, 10)).astype("float32")
y = (rng.random(1200) < 1 / (1 + np.exp(4 - 2 * X[:, 0]))).astype("int64")
rare = np.flatnonzero(y == 1)
more = rng.choice(rare, size=(y == 0).sum() - len(rare))
X, y = np.concatenate([X, X[more]]), np.concatenate([y, y[more]])
X_train, X_val, y_train, y_val = (
    torch.from_numpy(part) for part in train_test_split(X, y, test_size=0.25, random_state=1)
)
net = nn.Sequential(
    nn.Linear(10, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2)
)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(40):
    net.train()
    losses = []
    order = torch.randperm(len(X_train))
    for start in range(0, len(order), 64):
        rows = order[start : start + 64]
        optimizer.zero_grad()
        loss = loss_fn(net(X_train[rows]), y_train[rows])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    net.eval()
    with torch.no_grad():
        out = net(X_val)
    print(f"{epoch:02d} train_loss: {np.mean(losses):.4f} valid_loss: {loss_fn(out, y_val).item():.4f} "
          f"valid_acc: {(out.argmax(1) == y_val).float().mean().item():.4f}")  # fmt: skip
