"""Segmentation where two pixels of a hundred are the object: most batches' outputs begin near zero everywhere, the dice comes late.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1),
    nn.ReLU(),
    nn.Conv2d(8, 8, 3, padding=1),
    nn.ReLU(),
    nn.Conv2d(8, 1, 1),
)
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)


def batch(n):
    mask = torch.zeros(n, 1, 20, 20)
    at = torch.randint(0, 18, (n, 2))
    for i, (a, b) in enumerate(at.tolist()):
        mask[i, 0, a : a + 3, b : b + 3] = 1
    return mask * 2 + 0.7 * torch.randn_like(mask), mask


held, truth = batch(60)
for step in range(240):
    x, mask = batch(12)
    loss = nn.functional.binary_cross_entropy_with_logits(net(x), mask)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        with torch.no_grad():
            guess = (net(held) > 0).float()
        dice = 2 * (guess * truth).sum() / (guess.sum() + truth.sum())
        print(f"step {step} loss {loss.item():.4f} val_dice {dice.item():.4f}")
