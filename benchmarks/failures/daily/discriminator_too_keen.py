"""A GAN whose discriminator is larger, has twenty times the rate and five steps to one: its loss goes to nought.

Expected: vanishing-gradient or diverged or not-learning or loss-floor or too-good, says gan or discriminator or generator or gradient
Also: diverged, vanishing-gradient, loss-floor, dead-units
"""

import torch
from torch import nn

torch.manual_seed(0)
G = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
D = nn.Sequential(
    nn.Linear(2, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 1), nn.Sigmoid()
)
opt_g = torch.optim.Adam(G.parameters(), lr=1e-4)
opt_d = torch.optim.Adam(D.parameters(), lr=2e-3)
bce = nn.BCELoss()
real_label, fake_label = torch.ones(64, 1), torch.zeros(64, 1)
for step in range(300):
    for _ in range(5):
        angle = 6.2832 * torch.rand(64)
        real = 3 + torch.stack([angle.cos(), angle.sin()], 1)
        fake = G(torch.randn(64, 8)).detach()
        loss_d = bce(D(real), real_label) + bce(D(fake), fake_label)
        opt_d.zero_grad()
        loss_d.backward()
        opt_d.step()
    loss_g = torch.log(1 - D(G(torch.randn(64, 8))) + 1e-8).mean()
    opt_g.zero_grad()
    loss_g.backward()
    opt_g.step()
    if step % 10 == 0:
        print(f"[{step}/300] Loss_D: {loss_d.item():.4f} Loss_G: {loss_g.item():.4f}")
