"""Taken up from a checkpoint of weights and optimizer, as it should be: the loss begins low.

Expected: nothing
"""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
centres = 2 * torch.randn(5, 20)
y = torch.randint(0, 5, (2000,))
x = centres[y] + 2.5 * torch.randn(2000, 20)
x_held, y_held, x, y = x[-400:], y[-400:], x[:-400], y[:-400]
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), 32, shuffle=True)

model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5))
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
for part in range(2):
    if Path("last.pt").exists():
        saved = torch.load("last.pt")
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
    for epoch in range(part * 8, part * 8 + 8):
        for xs, ys in loader:
            loss = F.cross_entropy(model(xs), ys)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            right = (model(x_held).argmax(1) == y_held).float().mean().item()
        print(f"epoch {epoch} loss {loss.item():.4f} val_acc {right:.4f}")
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, "last.pt")
    model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
