"""The collate function asks a store on the network for each batch: 12 ms, while a step takes one.

Expected: input-bound
Also: slowdown
"""

import time

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
centres = 2 * torch.randn(5, 20)
y = torch.randint(0, 5, (2000,))
x = centres[y] + 1.0 * torch.randn(2000, 20)
x_held, y_held, x, y = x[-400:], y[-400:], x[:-400], y[:-400]


def collate(rows):
    time.sleep(0.012)
    xs, ys = zip(*rows, strict=True)
    return torch.stack(xs), torch.stack(ys)


loader = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(x, y), 8, shuffle=True, collate_fn=collate
)

model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5))
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
for epoch in range(3):
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
    print(f"[{epoch:02d}] train {loss.item():.4f} | valid loss {held:.4f} acc {right:.3f}")
