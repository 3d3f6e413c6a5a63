"""bfloat16 by autocast over float32 weights, a cosine to a tenth.

Expected: nothing
"""

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


def half(rows):
    with torch.autocast("cpu", torch.bfloat16):
        return model(rows).float()


schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 16, 1e-4)
for epoch in range(16):
    model.train()
    for xs, ys in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(half(xs), ys)
        loss.backward()
        optimizer.step()
    schedule.step()
    model.eval()
    with torch.no_grad():
        out = model(x_held)
        held, right = (
            F.cross_entropy(out, y_held).item(),
            (out.argmax(1) == y_held).float().mean().item(),
        )
    print(f"[{epoch:02d}] train {loss.item():.4f} | valid loss {held:.4f} acc {right:.3f}")
