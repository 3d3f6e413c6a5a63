"""An image model is judged by the features of a frozen network, as perceptual losses do.

Expected: nothing
"""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
judge = (
    nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3)).requires_grad_(False).eval()
)
net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 1, 3, padding=1))
optimizer = torch.optim.Adam(net.parameters(), 2e-3)
for step in range(250):
    clean = F.avg_pool2d(torch.randn(8, 1, 18, 18), 3, 1)
    made = net(clean + 0.3 * torch.randn_like(clean))
    loss = F.mse_loss(judge(made), judge(clean)) + 0.1 * F.l1_loss(made, clean)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 5 == 4:
        print(f"it {step + 1}/250 perceptual loss: {loss.item():.4f}")
