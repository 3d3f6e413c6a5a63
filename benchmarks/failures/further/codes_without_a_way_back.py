"""A vector-quantised autoencoder without the straight-through step: the nearest code is taken, the encoder learns nothing.

Expected: frozen-parameters or weights-unchanged, layer encoder
Also: overfitting, not-learning, loss-floor
"""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits

torch.manual_seed(0)


class VQ(nn.Module):
    def __init__(self, codes=32, dim=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, dim))
        self.codebook = nn.Embedding(codes, dim)
        self.decoder = nn.Sequential(nn.Linear(dim, 64), nn.ReLU(), nn.Linear(64, 64))

    def forward(self, x):
        z = self.encoder(x)
        nearest = torch.cdist(z, self.codebook.weight).argmin(1)
        q = self.codebook(nearest)
        return self.decoder(q), z, q


x = torch.tensor(load_digits().data, dtype=torch.float32) / 16
model = VQ()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(15):
    model.train()
    for idx in torch.randperm(1500).split(50):
        recon, z, q = model(x[idx])
        recon_loss = nn.functional.mse_loss(recon, x[idx])
        codebook_loss = nn.functional.mse_loss(q, z.detach())
        loss = recon_loss + codebook_loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        val = nn.functional.mse_loss(model(x[1500:])[0], x[1500:]).item()
    print(
        f"epoch {epoch} loss={loss.item():.4f} recon_loss={recon_loss.item():.4f} val_recon_loss={val:.4f}"
    )
