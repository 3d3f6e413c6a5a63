"""Two layers of 512 units for 300 patients, no regularisation, 250 epochs: validation is best early and then climbs.

Expected: overfitting
Also: diverged
"""

import torch
from sklearn.datasets import load_diabetes
from torch import nn

torch.manual_seed(21)
X, y = load_diabetes(return_X_y=True)
X = (X - X.mean(0)) / X.std(0)
y = (y - y.mean()) / y.std()
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
perm = torch.randperm(len(X))
train, val = perm[:300], perm[300:]
model = nn.Sequential(
    nn.Linear(10, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 1)
)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(250):
    total = 0.0
    for idx in train[torch.randperm(300)].split(50):
        loss = nn.functional.mse_loss(model(X[idx]).squeeze(-1), y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx) / 300
    with torch.no_grad():
        val_loss = nn.functional.mse_loss(model(X[val]).squeeze(-1), y[val]).item()
    print(f"epoch {epoch} train_loss {total:.4f} val_loss {val_loss:.4f}")
