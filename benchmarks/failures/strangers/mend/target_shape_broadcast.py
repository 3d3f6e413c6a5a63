"""House prices (synthetic): predictions (N,1) against targets (N,), so MSE broadcasts and the model predicts the mean.

Expected: not-learning or loss-floor
Also: validation-at-chance, train-eval-mismatch, dead-units
"""

import warnings

warnings.filterwarnings("ignore")
import torch
import torch.nn as nn
from sklearn.datasets import make_regression

torch.manual_seed(0)
X, y = make_regression(3000, 12, noise=5.0, random_state=0)
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32)
y = (y - y.mean()) / y.std()
ds = torch.utils.data.TensorDataset(X[:2400], y[:2400])
dl = torch.utils.data.DataLoader(ds, batch_size=64, shuffle=True)
model = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 1))
opt = torch.optim.Adam(model.parameters(), 1e-3)
crit = nn.MSELoss()
for epoch in range(25):
    tot = 0
    for xb, yb in dl:
        opt.zero_grad()
        l = crit(model(xb), yb)
        l.backward()
        opt.step()
        tot += l.item()
    with torch.no_grad():
        p = model(X[2400:]).squeeze(1)
        r2 = 1 - ((p - y[2400:]) ** 2).mean() / y[2400:].var()
    print(f"Epoch {epoch + 1}/25 - loss: {tot / len(dl):.4f} - val_r2: {r2:.4f}")
