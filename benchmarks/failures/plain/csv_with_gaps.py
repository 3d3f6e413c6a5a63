"""A table read from CSV with a few empty fields, which `genfromtxt` makes NaN; nobody fills them.

Expected: non-finite, says input or batch or nan
Also: hidden-nan, not-learning, validation-at-chance
"""

import io

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(0)
table = rng.normal(size=(1500, 9)).round(4)
table[:, 8] = (table[:, 0] - 2 * table[:, 3] + 0.3 * rng.normal(size=1500)).round(4)
lines = [",".join(map(str, row)) for row in table]
for at in (411, 907):
    cells = lines[at].split(",")
    cells[3] = ""
    lines[at] = ",".join(cells)
data = np.genfromtxt(io.StringIO("\n".join(lines)), delimiter=",", dtype=np.float32)

torch.manual_seed(0)
x, y = torch.from_numpy(data[:, :8]), torch.from_numpy(data[:, 8:])
train = DataLoader(TensorDataset(x[:1200], y[:1200]), batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.MSELoss()
for epoch in range(10):
    model.train()
    losses = []
    for xb, yb in train:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        val = criterion(model(x[1200:]), y[1200:]).item()
    print(f"Epoch {epoch + 1}: train MSE {np.mean(losses):.4f}, val MSE {val:.4f}")
