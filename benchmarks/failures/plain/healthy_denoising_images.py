"""A denoising autoencoder whose images lie between 0 and 1 and whose decoder ends in a sigmoid, with BCE.

Expected: nothing
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(4)
x = torch.tensor(load_digits().images, dtype=torch.float32).unsqueeze(1) / 16
train, test = x[:1500], x[1500:]
encoder = nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU())
decoder = nn.Sequential(
    nn.ConvTranspose2d(16, 8, 2, 2), nn.ReLU(), nn.ConvTranspose2d(8, 1, 2, 2), nn.Sigmoid()
)
params = list(encoder.parameters()) + list(decoder.parameters())
optimizer = torch.optim.Adam(params, lr=2e-3)
bce = nn.BCELoss()
for epoch in range(15):
    running = 0.0
    for idx in torch.randperm(1500).split(50):
        clean = train[idx]
        noisy = (clean + 0.2 * torch.randn_like(clean)).clamp(0, 1)
        loss = bce(decoder(encoder(noisy)), clean)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item() / 30
    with torch.no_grad():
        val = bce(decoder(encoder(test)), test).item()
    print(f"epoch {epoch} | train_bce {running:.4f} | val_bce {val:.4f}")
