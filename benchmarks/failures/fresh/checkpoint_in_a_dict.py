"""The checkpoint is a dict with the weights under "model"; `strict=False` takes the whole of it, and nothing fits.

Expected: checkpoint-not-loaded
"""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
centres = 2 * torch.randn(5, 20)
y = torch.randint(0, 5, (2000,))
x = centres[y] + 2.0 * torch.randn(2000, 20)
x_held, y_held, x, y = x[-400:], y[-400:], x[:-400], y[:-400]
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), 32, shuffle=True)


def make():
    return nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))


if not Path("last.pt").exists():
    first = make()
    torch.save({"model": first.state_dict(), "epoch": 7}, "last.pt")

model = make()
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
model.load_state_dict(torch.load("last.pt"), strict=False)
for epoch in range(10):
    model.train()
    for xs, ys in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(xs), ys)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        out = model(x_held)
        held, right = (
            F.cross_entropy(out, y_held).item(),
            (out.argmax(1) == y_held).float().mean().item(),
        )
    print(f"epoch={epoch} loss={loss.item():.5f} val_loss={held:.5f} val_accuracy={right:.4f}")
