"""A small segmentation net with batch norm is trained with a batch size of 1: each image is normalised by itself.

Expected: train-eval-mismatch or validation-at-chance
Also: overfitting
"""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
    nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 1, 1),
)  # fmt: skip


def image():
    light, noise = 4 * torch.rand(1), 0.2 + 2 * torch.rand(1)
    mask = torch.zeros(1, 1, 16, 16)
    a, b = torch.randint(0, 10, (2,)).tolist()
    mask[..., a : a + 6, b : b + 6] = 1
    return light + noise * (2 * mask + 0.5 * torch.randn(1, 1, 16, 16)), mask


images = [image() for _ in range(200)]
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
bce = nn.BCEWithLogitsLoss()
for epoch in range(6):
    model.train()
    total = 0.0
    for x, mask in images[:160]:
        loss = bce(model(x), mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / 160
    model.eval()
    with torch.no_grad():
        val = sum(bce(model(x), mask).item() for x, mask in images[160:]) / 40
    print(f"epoch {epoch + 1}: train loss {total:.4f} | val loss {val:.4f}")
