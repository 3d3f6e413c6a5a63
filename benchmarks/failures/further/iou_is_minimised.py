"""Boxes of squares by regression: the optimizer is handed the mean IoU, and makes it as small as it can.

Expected: diverged or not-learning or validation-at-chance
Also: validation-at-chance, dead-units, vanishing-gradient, not-learning, too-good, overfitting
"""

import torch
from torch import nn

torch.manual_seed(5)


def sample(n):
    size = torch.randint(4, 9, (n, 2))
    corner = (torch.rand(n, 2) * (20 - size)).long()
    img = 0.2 * torch.randn(n, 1, 20, 20)
    for k in range(n):
        (i, j), (h, w) = corner[k].tolist(), size[k].tolist()
        img[k, 0, i : i + h, j : j + w] += 1
    return img, torch.cat([corner, corner + size], 1) / 20.0


def box_iou(a, b):
    tl, br = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    inter = (br - tl).clamp(min=0).prod(1)
    area = lambda t: (t[:, 2:] - t[:, :2]).clamp(min=0).prod(1)  # noqa: E731
    return inter / (area(a) + area(b) - inter + 1e-6)


class Boxer(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(),
        )  # fmt: skip
        self.centre, self.extent = nn.Linear(400, 2), nn.Linear(400, 2)

    def forward(self, x):
        f = self.body(x)
        c, e = torch.sigmoid(self.centre(f)), torch.sigmoid(self.extent(f)) / 2
        return torch.cat([c - e, c + e], 1)


model = Boxer()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
train, val = sample(800), sample(200)
for epoch in range(25):
    ious = []
    for idx in torch.randperm(800).split(40):
        iou = box_iou(model(train[0][idx]), train[1][idx]).mean()
        optimizer.zero_grad()
        iou.backward()
        optimizer.step()
        ious.append(iou.item())
    with torch.no_grad():
        v = box_iou(model(val[0]), val[1]).mean().item()
    print(f"epoch {epoch} train_iou={sum(ious) / len(ious):.4f} val_iou={v:.4f}")
