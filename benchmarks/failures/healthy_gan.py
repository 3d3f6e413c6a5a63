"""A GAN on a ring of points: both losses go up and down for ever, as they should.

Expected: nothing
"""

import torch
from torch import nn


def mlp(inside, outside):
    return nn.Sequential(nn.Linear(inside, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, outside))  # fmt: skip


torch.manual_seed(0)
generator, discriminator = mlp(8, 2), mlp(2, 1)
slow = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.99))
fast = torch.optim.Adam(discriminator.parameters(), lr=4e-3, betas=(0.5, 0.99))
criterion = nn.BCEWithLogitsLoss()
real, fake = torch.ones(64, 1), torch.zeros(64, 1)
for step in range(800):
    angle = 6.2832 * torch.rand(64, 1)
    points = torch.cat([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(64, 2)
    made = generator(torch.randn(64, 8))
    loss_d = criterion(discriminator(points), real) + criterion(discriminator(made.detach()), fake)
    fast.zero_grad()
    loss_d.backward()
    fast.step()
    loss_g = criterion(discriminator(made), real)
    slow.zero_grad()
    loss_g.backward()
    slow.step()
    if step % 10 == 0:
        print(f"step {step} loss_d {loss_d.item():.4f} loss_g {loss_g.item():.4f}")
