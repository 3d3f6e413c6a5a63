"""The validation set divides its pixels by 255 in the transform, and again in `__getitem__`.

Expected: train-eval-mismatch or validation-at-chance
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)
kinds = 255 * torch.rand(6, 1, 8, 8)


class Images(Dataset):
    def __init__(self, rows, train):
        self.y = torch.randint(0, 6, (rows,))
        x = (kinds[self.y] + 50 * torch.randn(rows, 1, 8, 8)).clamp(0, 255)
        self.x = x if train else x / 255

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i] / 255, self.y[i]


train = DataLoader(Images(1200, True), 40, shuffle=True)
valid = DataLoader(Images(300, False), 100)
net = nn.Sequential(
    nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12 * 16, 6)
)
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(6):
    net.train()
    for x, y in train:
        loss = nn.functional.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        out = [
            (
                nn.functional.cross_entropy(net(x), y).item(),
                (net(x).argmax(1) == y).float().mean().item(),
            )
            for x, y in valid
        ]
    print(
        f"epoch {epoch} loss {loss.item():.4f} val_loss {sum(a for a, _ in out) / 3:.4f} val_acc {sum(b for _, b in out) / 3:.4f}"
    )
