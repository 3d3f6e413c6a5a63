"""Autoencoder with annealed KL: the total loss rises in the middle because beta grows; reconstruction is fine.

Expected: nothing
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
X = torch.tensor(load_digits().data).float() / 16
enc = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))
dec = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64))
opt = torch.optim.Adam([*enc.parameters(), *dec.parameters()], 2e-3)
for ep in range(40):
    beta = min(1.0, ep / 30) * 0.3
    A = B = 0.0
    for b in torch.randperm(1500).split(50):
        m, s = enc(X[b]).chunk(2, 1)
        z = m + (s / 2).exp() * torch.randn_like(m)
        rec = ((dec(z) - X[b]) ** 2).sum(1).mean()
        kl = 0.5 * (s.exp() + m**2 - 1 - s).sum(1).mean()
        opt.zero_grad()
        (rec + beta * kl).backward()
        opt.step()
        A += rec.item() / 30
        B += kl.item() / 30
    print(f"ep {ep} loss {A + beta * B:.4f} recon {A:.4f} kl {B:.4f} beta {beta:.3f}")
