"""House prices in thousands by a Huber loss: it begins large, and falls as the bias finds the mean.

Expected: nothing
"""

import numpy as np
import torch
from torch import nn

rng = np.random.default_rng(5)
torch.manual_seed(5)
n = 3000
size, age, dist = rng.gamma(6, 20, n), rng.uniform(0, 80, n), rng.exponential(5, n)
price = 40 + 1.6 * size - 0.5 * age - 3 * dist + rng.normal(0, 12, n)
features = np.stack([size, age, dist, size / (1 + dist)], 1)
features = (features - features[:2400].mean(0)) / features[:2400].std(0)
X = torch.tensor(features, dtype=torch.float32)
Y = torch.tensor(price, dtype=torch.float32)
model = nn.Sequential(nn.Linear(4, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=25)
loss_fn = nn.HuberLoss(delta=10.0)
for epoch in range(25):
    model.train()
    epoch_loss = 0.0
    for idx in torch.randperm(2400).split(64):
        optimizer.zero_grad()
        loss = loss_fn(model(X[idx]).squeeze(1), Y[idx])
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * len(idx) / 2400
    scheduler.step()
    model.eval()
    with torch.no_grad():
        pred = model(X[2400:]).squeeze(1)
    mae = (pred - Y[2400:]).abs().mean().item()
    print(
        f"epoch {epoch} loss {epoch_loss:.3f} val_loss {loss_fn(pred, Y[2400:]).item():.3f} val_mae {mae:.2f}"
    )
