"""A copied line: the generator's optimizer was given the parameters of the discriminator.

Expected: frozen-parameters or weights-unchanged
Also: dead-units, vanishing-gradient
"""

import torch
from torch import nn

torch.manual_seed(0)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, z):
        return self.net(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))

    def forward(self, x):
        return self.net(x)


netG, netD = Generator(), Discriminator()
optimizerD = torch.optim.Adam(netD.parameters(), lr=2e-4, betas=(0.5, 0.999))
optimizerG = torch.optim.Adam(netD.parameters(), lr=2e-4, betas=(0.5, 0.999))
bce = nn.BCEWithLogitsLoss()
ones, zeros = torch.ones(64, 1), torch.zeros(64, 1)
for i in range(600):
    real = torch.randn(64, 2) * 0.5 + torch.tensor([2.0, -1.0])
    netD.zero_grad()
    fake = netG(torch.randn(64, 8))
    errD = bce(netD(real), ones) + bce(netD(fake.detach()), zeros)
    errD.backward()
    optimizerD.step()
    netG.zero_grad()
    errG = bce(netD(fake), ones)
    errG.backward()
    optimizerG.step()
    if i % 20 == 0:
        print(f"[{i}/600]\tLoss_D: {errD.item():.4f}\tLoss_G: {errG.item():.4f}")
