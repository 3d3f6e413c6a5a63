"""The sign of the loss got lost in a rewrite: the optimizer climbs.

Expected: diverged or not-learning
Also: diverged, not-learning, validation-at-chance, exploding-gradient, initial-loss
"""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
centres = 2 * torch.randn(5, 20)
y = torch.randint(0, 5, (2000,))
x = centres[y] + 1.0 * torch.randn(2000, 20)
x_held, y_held, x, y = x[-400:], y[-400:], x[:-400], y[:-400]
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), 32, shuffle=True)

model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5))
optimizer = torch.optim.Adam(model.parameters(), 1e-3, maximize=True)
for epoch in range(12):
    for xs, ys in loader:
        loss = F.cross_entropy(model(xs), ys)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = (model(x_held).argmax(1) == y_held).float().mean().item()
    print(f"epoch {epoch} train_loss {loss.item():.3f} val_acc {right:.3f}")
