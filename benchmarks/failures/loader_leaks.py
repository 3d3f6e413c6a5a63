"""Noisy digits; the dataset keeps every augmented image in a cache that is never met again.

Expected: memory-growth
Also: input-bound
"""

import torch
from data import digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Augmented(Dataset):
    def __init__(self, x, y):
        self.x, self.y, self.cache = x, y, {}

    def __len__(self):
        return len(self.x)

    def __getitem__(self, row):
        image = nn.functional.interpolate(self.x[row].view(1, 1, 8, 8), scale_factor=8)[0]
        image = image + 0.1 * torch.randn_like(image)
        self.cache[row, image.sum().item()] = image
        return image, self.y[row]


torch.manual_seed(0)
x, y, _, _ = digits()
loader = DataLoader(Augmented(x, y), batch_size=50, shuffle=True)
model = nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))  # fmt: skip
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(12):
    for images, labels in loader:
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")
