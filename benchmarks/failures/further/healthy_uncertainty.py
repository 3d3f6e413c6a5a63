"""Regression with uncertainty: at the end of each epoch 10 passes with dropout on, under no_grad, by intent.

Expected: nothing
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.rand(1200, 1) * 6 - 3
y = torch.sin(2 * x) + 0.2 * torch.randn_like(x)
train = DataLoader(TensorDataset(x[:1000], y[:1000]), batch_size=50, shuffle=True)
net = nn.Sequential(
    nn.Linear(1, 64),
    nn.ReLU(),
    nn.Dropout(0.1),
    nn.Linear(64, 64),
    nn.ReLU(),
    nn.Dropout(0.1),
    nn.Linear(64, 1),
)
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)


def enable_dropout(model):
    for m in model.modules():
        if isinstance(m, nn.Dropout):
            m.train()


for epoch in range(25):
    net.train()
    for xb, yb in train:
        loss = nn.functional.mse_loss(net(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    enable_dropout(net)
    with torch.no_grad():
        draws = torch.stack([net(x[1000:]) for _ in range(10)])
    rmse = (draws.mean(0) - y[1000:]).pow(2).mean().sqrt()
    print(
        f"epoch {epoch} loss {loss.item():.4f} val_rmse {rmse.item():.4f} mean_std {draws.std(0).mean().item():.4f}"
    )
