"""`nn.Dropout(0.97)`: the number was a probability to keep, in the framework it came from.

Expected: not-learning or train-eval-mismatch or dead-units or validation-at-chance, says dropout
Also: not-learning, train-eval-mismatch, dead-units, validation-at-chance, vanishing-gradient, loss-floor
"""

import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import scale

torch.manual_seed(0)
X, y = load_diabetes(return_X_y=True)
X = torch.tensor(scale(X), dtype=torch.float32)
y = torch.tensor(scale(y), dtype=torch.float32)[:, None]
KEEP = 0.97
net = nn.Sequential(
    nn.Linear(10, 32), nn.ReLU(), nn.Dropout(KEEP), nn.Linear(32, 32), nn.ReLU(), nn.Dropout(KEEP),
    nn.Linear(32, 1),
)  # fmt: skip
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
loss_fn = nn.MSELoss()
for epoch in range(60):
    net.train()
    total = 0.0
    for idx in torch.randperm(360).split(24):
        optimizer.zero_grad()
        loss = loss_fn(net(X[idx]), y[idx])
        loss.backward()
        optimizer.step()
        total += loss.item() / 15
    net.eval()
    with torch.no_grad():
        val = loss_fn(net(X[360:]), y[360:]).item()
    print(f"epoch {epoch + 1}/60 - loss: {total:.4f} - val_loss: {val:.4f}")
