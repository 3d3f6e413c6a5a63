"""A GAN on pixels from 0 to 255 with `torch.log(D(x))` written out: the discriminator is sure, and wrong: log of zero.

Expected: non-finite, says log
Also: dead-units, vanishing-gradient, exploding-gradient, spike, initial-loss, hidden-nan
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
pixels = torch.tensor(load_digits().data, dtype=torch.float32) * 255 / 16
loader = torch.utils.data.DataLoader(pixels, batch_size=64, shuffle=True, drop_last=True)


class Scaled(nn.Module):
    def forward(self, x):
        return 255 * x


G = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.Sigmoid(), Scaled())
D = nn.Sequential(nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1), nn.Sigmoid())
opt_g = torch.optim.Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))
for epoch in range(15):
    for i, x in enumerate(loader):
        fake = G(torch.randn(len(x), 16))
        d_loss = -(torch.log(D(x)) + torch.log(1 - D(fake.detach()))).mean()
        opt_d.zero_grad()
        d_loss.backward()
        opt_d.step()
        g_loss = -torch.log(D(fake)).mean()
        opt_g.zero_grad()
        g_loss.backward()
        opt_g.step()
        if i % 10 == 0:
            print(
                f"[{epoch}/15][{i}/{len(loader)}] Loss_D: {d_loss.item():.4f} Loss_G: {g_loss.item():.4f}"
            )
