"""The dice score itself is minimised, not one minus it: the masks get as wrong as they can be.

Expected: diverged or not-learning or validation-at-chance
Also: validation-at-chance, dead-units, vanishing-gradient, not-learning, too-good
"""

import torch
from torch import nn

torch.manual_seed(0)


def blobs(n=24, size=16):
    grid = torch.stack(
        torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    ).float()
    centre = torch.randint(3, size - 3, (n, 2, 1, 1)).float()
    mask = ((grid - centre) ** 2).sum(1) < (2 + 2 * torch.rand(n, 1, 1)) ** 2
    mask = mask.float().unsqueeze(1)
    return mask + 0.4 * torch.randn_like(mask), mask


def dice_coeff(logits, target, eps=1.0):
    p = torch.sigmoid(logits)
    inter = (p * target).sum((1, 2, 3))
    return ((2 * inter + eps) / (p.sum((1, 2, 3)) + target.sum((1, 2, 3)) + eps)).mean()


net = nn.Sequential(
    nn.Conv2d(1, 12, 3, padding=1),
    nn.ReLU(),
    nn.Conv2d(12, 12, 3, padding=1),
    nn.ReLU(),
    nn.Conv2d(12, 1, 1),
)
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(20):
    net.train()
    for _ in range(20):
        x, m = blobs()
        loss = dice_coeff(net(x), m)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        x, m = blobs(64)
        score = dice_coeff(net(x), m)
    print(
        f"Epoch {epoch:2d} | train dice loss {loss.item():.4f} | val dice score {score.item():.4f}"
    )
