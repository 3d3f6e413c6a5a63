"""An embedding is trained by distances; from step 150 on a pair of equal rows makes the root's gradient NaN.

Expected: non-finite at step 150
Also: not-learning, diverged
"""

import torch
from torch import nn

torch.manual_seed(0)
points = torch.randn(400, 10)
net = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for step in range(400):
    a, b = torch.randint(400, (2, 48))
    a, b = torch.where(a == b, (a + 1) % 400, a), b
    if step == 150:
        a[7] = b[7]
    far = (points[a] - points[b]).pow(2).sum(1).sqrt()
    near = (net(points[a]) - net(points[b])).pow(2).sum(1).sqrt()
    loss = (near - far).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"step {step} stress_loss {loss.item():.5f}")
