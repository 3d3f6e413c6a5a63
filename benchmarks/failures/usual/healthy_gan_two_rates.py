"""A GAN on a ring with two time scales and hinge losses, which wander as those of GANs do.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
G = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
D = nn.Sequential(
    nn.utils.parametrizations.spectral_norm(nn.Linear(2, 64)),
    nn.LeakyReLU(0.2),
    nn.utils.parametrizations.spectral_norm(nn.Linear(64, 64)),
    nn.LeakyReLU(0.2),
    nn.Linear(64, 1),
)
opt_g = torch.optim.Adam(G.parameters(), lr=1e-4, betas=(0.0, 0.9))
opt_d = torch.optim.Adam(D.parameters(), lr=4e-4, betas=(0.0, 0.9))
for step in range(700):
    t = 6.2832 * torch.rand(64, 1)
    real = torch.cat([t.cos(), t.sin()], 1) + 0.05 * torch.randn(64, 2)
    fake = G(torch.randn(64, 4))
    d_loss = torch.relu(1 - D(real)).mean() + torch.relu(1 + D(fake.detach())).mean()
    opt_d.zero_grad()
    d_loss.backward()
    opt_d.step()
    g_loss = -D(fake).mean()
    opt_g.zero_grad()
    g_loss.backward()
    opt_g.step()
    if step % 10 == 0:
        print(
            f"step {step} d_loss {d_loss.item():.4f} g_loss {g_loss.item():.4f} radius {fake.norm(dim=1).mean().item():.3f}"
        )
