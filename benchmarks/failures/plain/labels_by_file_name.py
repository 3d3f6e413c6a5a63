"""Images are loaded in the order of their file names, 1 10 100 1000 …, labels in the order of their numbers.

Expected: not-learning, says label
Also: validation-at-chance, overfitting
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(9)


class Scans(Dataset):
    def __init__(self, first, last):
        d = load_digits()
        folder = {f"img_{i}.png": d.images[i] for i in range(first, last)}
        self.images = [folder[name] for name in sorted(folder)]
        self.labels = d.target[first:last]

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return torch.tensor(self.images[i] / 16, dtype=torch.float32).unsqueeze(0), int(
            self.labels[i]
        )


train_loader = DataLoader(Scans(0, 1400), 64, shuffle=True)
valid_loader = DataLoader(Scans(1400, 1797), 128)
cnn = nn.Sequential(
    nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3), nn.ReLU(),
    nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 10),
)  # fmt: skip
optimizer = torch.optim.Adam(cnn.parameters(), lr=1e-3)
for epoch in range(12):
    cnn.train()
    for x, y in train_loader:
        loss = nn.functional.cross_entropy(cnn(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    cnn.eval()
    hits = n = 0
    with torch.no_grad():
        for x, y in valid_loader:
            hits, n = hits + (cnn(x).argmax(1) == y).sum().item(), n + len(y)
    print(f"epoch {epoch} loss {loss.item():.4f} valid_accuracy {hits / n:.4f}")
