"""A perceptual loss by a net that was trained before; nobody froze it, so that it gets gradients that nobody uses.

Expected: nothing
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
X = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 16
Y = torch.tensor(load_digits().target)
judge = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 10))
opt = torch.optim.Adam(judge.parameters(), lr=1e-3)
for _epoch in range(3):
    for idx in torch.randperm(1500).split(50):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(judge(X[idx]), Y[idx])
        loss.backward()
        opt.step()
print("judge ready")
denoiser = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 1, 3, padding=1))
optimizer = torch.optim.Adam(denoiser.parameters(), lr=2e-3)
for epoch in range(8):
    losses = []
    for idx in torch.randperm(1500).split(50):
        clean = X[idx]
        restored = denoiser(clean + 0.3 * torch.randn_like(clean))
        loss = nn.functional.mse_loss(restored, clean)
        loss = loss + 0.1 * nn.functional.mse_loss(judge[:2](restored), judge[:2](clean))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        clean = X[1500:]
        val = nn.functional.mse_loss(denoiser(clean + 0.3 * torch.randn_like(clean)), clean)
    print(f"epoch {epoch} train_loss {sum(losses) / len(losses):.5f} val_mse {val.item():.5f}")
