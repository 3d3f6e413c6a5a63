"""Sales are to be forecast; the second run adds columns, among them the revenue of the very day that is asked for.

Expected: too-good
Before: --columns lags
Before: --columns lags --seed 1
Arguments: --columns all
Also: overfitting
"""

import argparse

import numpy as np
import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--columns", choices=["lags", "all"], default="lags")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
torch.manual_seed(args.seed)
rng = np.random.default_rng(0)
days = np.arange(1600)
sales = 50 + 10 * np.sin(days * 2 * np.pi / 7) + rng.normal(0, 8, 1600)
price = rng.uniform(2, 3, 1600)
lags = np.stack([sales[7 - k : 1600 - k] for k in range(1, 8)], 1)
X = [lags, price[7:, None]]
if args.columns == "all":
    X += [(sales * price)[7:, None], rng.normal(size=(1593, 3))]
X = np.concatenate(X, 1)
X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
y = torch.tensor((sales[7:] - sales.mean()) / sales.std(), dtype=torch.float32)
model = nn.Sequential(nn.Linear(X.shape[1], 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(25):
    for idx in torch.randperm(1300).split(50):
        loss = nn.functional.mse_loss(model(X[idx]).squeeze(1), y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        out = model(X[1300:]).squeeze(1)
    val = nn.functional.mse_loss(out, y[1300:]).item()
    r2 = 1 - val / y[1300:].var().item()
    print(f"epoch {epoch} loss {loss.item():.5f} val_loss {val:.5f} val_r2 {r2:.4f}")
