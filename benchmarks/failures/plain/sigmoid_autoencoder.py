"""An autoencoder ends in a sigmoid, and its images are standardised: what lies below 0 and above 1 cannot be drawn.

Expected: loss-floor
Also: not-learning
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(12)
images = torch.tensor(load_digits().data, dtype=torch.float32)
images = (images - images.mean()) / images.std()
loader = DataLoader(images[:1500], batch_size=60, shuffle=True)


class AutoEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 12))
        self.decoder = nn.Sequential(nn.Linear(12, 48), nn.ReLU(), nn.Linear(48, 64), nn.Sigmoid())

    def forward(self, x):
        return self.decoder(self.encoder(x))


ae = AutoEncoder()
optimizer = torch.optim.Adam(ae.parameters(), lr=1e-3, weight_decay=1e-5)
mse = nn.MSELoss()
for epoch in range(20):
    for batch in loader:
        recon = ae(batch)
        loss = mse(recon, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val = mse(ae(images[1500:]), images[1500:])
    print(f"epoch [{epoch + 1}/20], loss:{loss.item():.4f}, val_loss:{val.item():.4f}")
