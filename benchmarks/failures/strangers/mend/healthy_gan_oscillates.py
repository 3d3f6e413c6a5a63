"""A little GAN on a ring of points: losses swing about ln 2 and never fall, as they should; the samples get nearer.

Expected: nothing
"""

import math

import torch
from torch import nn

torch.manual_seed(0)
G = nn.Sequential(
    nn.Linear(8, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 2)
)
D = nn.Sequential(
    nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1)
)
og, od = (torch.optim.Adam(m.parameters(), 1e-3, betas=(0.5, 0.999)) for m in (G, D))
bce = nn.functional.binary_cross_entropy_with_logits
for it in range(1500):
    a = torch.rand(128) * 2 * math.pi
    real = torch.stack([a.cos(), a.sin()], 1) + 0.15 * torch.randn(128, 2)
    fake = G(torch.randn(128, 8))
    r, f = D(real), D(fake.detach())
    ld = (bce(r, torch.ones_like(r)) + bce(f, torch.zeros_like(f))) / 2
    od.zero_grad()
    ld.backward()
    od.step()
    f = D(fake)
    lg = bce(f, torch.ones_like(f))
    og.zero_grad()
    lg.backward()
    og.step()
    if it % 20 == 0:
        print(
            f"[{it}/1500] Loss_D: {ld.item():.4f} Loss_G: {lg.item():.4f} radius_error: {(fake.norm(dim=1) - 1).abs().mean().item():.4f}"
        )
