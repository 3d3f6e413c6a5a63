"""A VAE whose divergence is summed and weighs 10, while the reconstruction is a mean: the code says nothing from the start.

Expected: not-learning or loss-floor or dead-units or vanishing-gradient or frozen-parameters, says same or kl or collapse or divergence
"""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
X = torch.sigmoid(torch.randn(2000, 5) @ torch.randn(5, 40) * 1.5)


class VAE(nn.Module):
    def __init__(self, code=6):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(40, 64), nn.ReLU())
        self.mu, self.logvar = nn.Linear(64, code), nn.Linear(64, code)
        self.decoder = nn.Sequential(
            nn.Linear(code, 64), nn.ReLU(), nn.Linear(64, 40), nn.Sigmoid()
        )

    def forward(self, x):
        h = self.encoder(x)
        mu, logvar = self.mu(h), self.logvar(h)
        return self.decoder(mu + torch.exp(logvar / 2) * torch.randn_like(mu)), mu, logvar


vae, beta = VAE(), 10.0
optimizer = torch.optim.Adam(vae.parameters(), lr=1e-3)
for epoch in range(12):
    for rows in torch.randperm(2000).split(64):
        out, mu, logvar = vae(X[rows])
        recon = F.mse_loss(out, X[rows])
        kl = -0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())
        loss = recon + beta * kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} recon {recon.item():.5f} kl {kl.item():.6f} loss {loss.item():.5f}")
