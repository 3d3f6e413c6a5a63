"""InfoNCE on two noisy views of each image, batches of 128: begins near ln 128 and falls slowly.

Expected: nothing
"""

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, _, _, _ = digits()
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 32))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for step in range(400):
    images = x[torch.randperm(len(x))[:128]]
    one, other = (
        nn.functional.normalize(model(images + 0.4 * torch.randn_like(images)), dim=1)
        for _ in range(2)
    )
    loss = nn.functional.cross_entropy(one @ other.T / 0.2, torch.arange(128))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step} loss {loss.item():.4f}")
