"""A VAE whose divergence is weighed from 0 to 0.02 over the first epochs: the total goes up while it does.

Expected: nothing
"""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
X = torch.sigmoid(torch.randn(1600, 4) @ torch.randn(4, 32) * 1.5)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.stats = nn.Linear(32, 64), nn.Linear(64, 8)
        self.dec = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 32), nn.Sigmoid())

    def forward(self, x):
        mu, logvar = self.stats(F.relu(self.enc(x))).chunk(2, 1)
        return self.dec(mu + (logvar / 2).exp() * torch.randn_like(mu)), mu, logvar


vae = VAE()
optimizer = torch.optim.Adam(vae.parameters(), lr=2e-3)
for epoch in range(12):
    beta = min(1.0, epoch / 6) * 0.02
    for rows in torch.randperm(1600).split(64):
        out, mu, logvar = vae(X[rows])
        recon = F.mse_loss(out, X[rows], reduction="sum") / len(rows)
        kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()
        loss = recon + beta * kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} recon {recon.item():.4f} kl {kl.item():.4f} beta {beta:.4f}")
