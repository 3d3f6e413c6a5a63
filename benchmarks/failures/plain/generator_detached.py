"""A GAN for a mixture in the plane: the generator's own loss is taken of `fake.detach()`, so that it gets no gradient.

Expected: frozen-parameters or weights-unchanged
Also: not-learning
"""

import torch
from torch import nn

torch.manual_seed(18)
G = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
D = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
opt_g = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.5, 0.999))
bce = nn.BCEWithLogitsLoss()
real_label, fake_label = torch.ones(64, 1), torch.zeros(64, 1)
for i in range(600):
    angle = torch.randint(0, 4, (64,)) * torch.pi / 2
    real = torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(64, 2)
    fake = G(torch.randn(64, 4)).detach()

    opt_d.zero_grad()
    d_loss = bce(D(real), real_label) + bce(D(fake), fake_label)
    d_loss.backward()
    opt_d.step()

    opt_g.zero_grad()
    g_loss = bce(D(fake), real_label)
    g_loss.backward()
    opt_g.step()
    if i % 20 == 0:
        print(f"{i}: d_loss={d_loss.item():.4f} g_loss={g_loss.item():.4f}")
