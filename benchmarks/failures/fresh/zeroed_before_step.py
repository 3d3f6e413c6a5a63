"""The gradients are zeroed between `backward()` and `step()`: no weight ever moves.

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
x_held, y_held, x, y = x[-400:], y[-400:], x[:-400], y[:-400]
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), 32, shuffle=True)

model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5))
optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
for epoch in range(15):
    for xs, ys in loader:
        loss = F.cross_entropy(model(xs), ys)
        loss.backward()
        optimizer.zero_grad()
        optimizer.step()
    with torch.no_grad():
        right = (model(x_held).argmax(1) == y_held).float().mean().item()
    print(f"epoch {epoch}: loss {loss.item():.4f} val_acc {right:.4f}")
