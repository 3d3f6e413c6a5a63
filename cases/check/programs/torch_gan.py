"""A GAN on points of a ring."""

import math

import torch
from torch import nn

torch.manual_seed(0)
generator = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
discriminator = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
opt_g = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(discriminator.parameters(), lr=2e-3, betas=(0.5, 0.999))
criterion = nn.BCEWithLogitsLoss()

d_losses, g_losses = [], []
for step in range(60):
    angle = 2 * math.pi * torch.rand(64)
    real = torch.stack([angle.cos(), angle.sin()], dim=1)
    fake = generator(torch.randn(64, 4))

    opt_d.zero_grad()
    real_loss = criterion(discriminator(real), torch.ones(64, 1))
    fake_loss = criterion(discriminator(fake.detach()), torch.zeros(64, 1))
    d_loss = real_loss + fake_loss
    d_loss.backward()
    opt_d.step()

    opt_g.zero_grad()
    g_loss = criterion(discriminator(fake), torch.ones(64, 1))
    g_loss.backward()
    opt_g.step()

    d_losses.append(d_loss.item())
    g_losses.append(g_loss.item())
print(f"d {sum(d_losses) / len(d_losses):.6f} g {sum(g_losses) / len(g_losses):.6f}")
