"""All weights are bfloat16, the rate is 1e-5: each update is rounded away.

Expected: weights-unchanged or not-learning
Also: weights-unchanged, not-learning, validation-at-chance
"""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
centres = 2 * torch.randn(5, 20)
y = torch.randint(0, 5, (2000,))
x = centres[y] + 1.0 * torch.randn(2000, 20)
x = x.bfloat16()
x_held, y_held, x, y = x[-400:], y[-400:], x[:-400], y[:-400]
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), 32, shuffle=True)

model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5)).bfloat16()
optimizer = torch.optim.SGD(model.parameters(), 1e-5)
for epoch in range(20):
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
