"""A VAE on digits whose divergence is subtracted where it should be added: the loss falls without end.

Expected: non-finite or diverged or exploding-gradient
Also: diverged, exploding-gradient, non-finite, dead-units, overfitting, train-eval-mismatch, spike
"""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Linear(64, 48)
        self.mu, self.logvar = nn.Linear(48, 8), nn.Linear(48, 8)
        self.dec1, self.dec2 = nn.Linear(8, 48), nn.Linear(48, 64)

    def forward(self, x):
        h = F.relu(self.enc(x))
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        return torch.sigmoid(self.dec2(F.relu(self.dec1(z)))), mu, logvar


images = torch.tensor(load_digits().data, dtype=torch.float32) / 16
loader = torch.utils.data.DataLoader(images[:1500], batch_size=50, shuffle=True)
vae = VAE()
optimizer = torch.optim.Adam(vae.parameters(), lr=2e-3)
for epoch in range(1, 31):
    train_loss = 0
    for x in loader:
        optimizer.zero_grad()
        recon, mu, logvar = vae(x)
        bce = F.binary_cross_entropy(recon, x, reduction="sum")
        kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        loss = (bce - kld) / len(x)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * len(x)
    print(f"====> Epoch: {epoch} Average loss: {train_loss / 1500:.4f}")
