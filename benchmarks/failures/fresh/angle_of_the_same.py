"""An angle by acos between an output and its target; in batch 80 a row is its own target, where acos has no slope.

Expected: non-finite at step 80
"""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
turn = torch.linalg.qr(torch.randn(6, 6)).Q
net = nn.Linear(6, 6, bias=False)
with torch.no_grad():
    net.weight.copy_(torch.eye(6) + 0.3 * torch.randn(6, 6))
optimizer = torch.optim.SGD(net.parameters(), 0.05)
for step in range(200):
    x = F.normalize(torch.randn(16, 6), dim=1)
    target = x @ turn
    if step == 80:
        with torch.no_grad():
            target[3] = F.normalize(net(x), dim=1)[3]
    cosine = (F.normalize(net(x), dim=1) * target).sum(1).clamp(-1, 1)
    loss = cosine.acos().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"iter {step:4d}: angle_loss {loss.item():.5f}")
