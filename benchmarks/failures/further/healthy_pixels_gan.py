"""A convolutional GAN on digits with two optimizers, as in the tutorial.

Expected: nothing
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(2)
images = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 8 - 1


def weights_init(m):
    name = type(m).__name__
    if "Conv" in name:
        nn.init.normal_(m.weight, 0.0, 0.02)
    elif "BatchNorm" in name:
        nn.init.normal_(m.weight, 1.0, 0.02)
        nn.init.zeros_(m.bias)


netG = nn.Sequential(
    nn.ConvTranspose2d(16, 32, 4, bias=False), nn.BatchNorm2d(32), nn.ReLU(True),
    nn.ConvTranspose2d(32, 1, 4, 2, 1, bias=False), nn.Tanh(),
)  # fmt: skip
netD = nn.Sequential(
    nn.Conv2d(1, 16, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True), nn.Conv2d(16, 1, 4, bias=False),
)  # fmt: skip
netG.apply(weights_init)
netD.apply(weights_init)
optG = torch.optim.Adam(netG.parameters(), lr=2e-4, betas=(0.5, 0.999))
optD = torch.optim.Adam(netD.parameters(), lr=2e-4, betas=(0.5, 0.999))
criterion = nn.BCEWithLogitsLoss()
it = 0
for epoch in range(10):
    for real in images[torch.randperm(len(images))].split(64):
        netD.zero_grad()
        out = netD(real).view(-1)
        errD_real = criterion(out, torch.full_like(out, 0.9))
        errD_real.backward()
        fake = netG(torch.randn(len(real), 16, 1, 1))
        out = netD(fake.detach()).view(-1)
        errD_fake = criterion(out, torch.zeros_like(out))
        errD_fake.backward()
        optD.step()
        netG.zero_grad()
        out = netD(fake).view(-1)
        errG = criterion(out, torch.ones_like(out))
        errG.backward()
        optG.step()
        if it % 10 == 0:
            print(
                f"[{epoch}][{it}] Loss_D: {(errD_real + errD_fake).item():.4f} Loss_G: {errG.item():.4f}"
            )
        it += 1
