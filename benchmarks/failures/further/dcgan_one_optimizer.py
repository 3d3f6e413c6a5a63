"""A convolutional GAN on digits whose optimizers are made in a helper that gets the discriminator twice.

Expected: frozen-parameters or weights-unchanged
Also: dead-units, vanishing-gradient
"""

import argparse

import torch
from sklearn.datasets import load_digits
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=6)
parser.add_argument("--nz", type=int, default=16)
opt = parser.parse_args()
torch.manual_seed(11)


def build():
    gen = nn.Sequential(
        nn.ConvTranspose2d(opt.nz, 32, 4), nn.BatchNorm2d(32), nn.ReLU(),
        nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1), nn.Tanh(),
    )  # fmt: skip
    disc = nn.Sequential(
        nn.Conv2d(1, 16, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
        nn.Conv2d(16, 1, 4), nn.Flatten(),
    )  # fmt: skip
    return gen, disc


def configure_optimizers(first, second):
    make = lambda net: torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999))  # noqa: E731
    return make(first), make(second)


images = torch.tensor(load_digits().images, dtype=torch.float32).unsqueeze(1) / 8 - 1
generator, discriminator = build()
opt_d, opt_g = configure_optimizers(discriminator, discriminator)
loss_fn = nn.BCEWithLogitsLoss()
it = 0
for _epoch in range(opt.epochs):
    for real in images[torch.randperm(len(images))].split(64):
        b = len(real)
        opt_d.zero_grad()
        fake = generator(torch.randn(b, opt.nz, 1, 1))
        d_loss = loss_fn(discriminator(real), torch.ones(b, 1))
        d_loss = d_loss + loss_fn(discriminator(fake.detach()), torch.zeros(b, 1))
        d_loss.backward()
        opt_d.step()
        opt_g.zero_grad()
        g_loss = loss_fn(discriminator(fake), torch.ones(b, 1))
        g_loss.backward()
        opt_g.step()
        it += 1
        if it % 10 == 0:
            print(f"iter {it} d_loss={d_loss.item():.4f} g_loss={g_loss.item():.4f}")
