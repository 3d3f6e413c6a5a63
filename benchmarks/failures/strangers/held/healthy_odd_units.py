"""Regression in dollars: losses in the billions that fall steadily; the output is scaled, and all is well.

Expected: nothing
"""

import torch
import torch.nn as nn
from sklearn.datasets import make_friedman1

torch.manual_seed(2)
X, y = make_friedman1(3000, noise=1.0, random_state=2)
X = torch.tensor(X).float()
y = torch.tensor(y).float() * 20000
mu, sd = y[:2500].mean(), y[:2500].std()
net = nn.Sequential(nn.Linear(10, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1))
opt = torch.optim.Adam(net.parameters(), 1e-3)
for ep in range(30):
    t = 0.0
    for i in torch.randperm(2500).split(50):
        loss = ((net(X[i]).squeeze(-1) - (y[i] - mu) / sd) ** 2).mean() * sd**2
        opt.zero_grad()
        loss.backward()
        opt.step()
        t += loss.item() / 50
    with torch.no_grad():
        v = ((net(X[2500:]).squeeze(-1) * sd + mu - y[2500:]) ** 2).mean()
    print(
        f"epoch {ep}  train mse {t:.3e}  val mse {v.item():.3e}  val rmse ${v.sqrt().item():,.0f}"
    )
