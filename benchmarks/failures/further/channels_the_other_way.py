"""Training images come from one reader as RGB, validation images from another as BGR: colours are all that tells.

Expected: train-eval-mismatch or validation-at-chance
Also: overfitting, validation-at-chance, train-eval-mismatch, diverged
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(8)
PALETTE = torch.tensor([[0.9, 0.2, 0.1], [0.6, 0.5, 0.1], [0.8, 0.1, 0.4], [0.5, 0.3, 0.2]])


class Patches(Dataset):
    def __init__(self, n, seed, reader):
        g = torch.Generator().manual_seed(seed)
        self.y = torch.randint(0, 4, (n,), generator=g)
        noise = 0.12 * torch.randn(n, 3, 8, 8, generator=g)
        self.x = (PALETTE[self.y][:, :, None, None] + noise).clamp(0, 1)
        if reader == "cv2":
            self.x = self.x.flip(1)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


train_loader = DataLoader(Patches(1600, 0, "pil"), batch_size=50, shuffle=True)
val_loader = DataLoader(Patches(400, 1, "cv2"), batch_size=100)
model = nn.Sequential(
    nn.Conv2d(3, 12, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(48, 4)
)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
ce = nn.CrossEntropyLoss()
for epoch in range(12):
    model.train()
    train_loss = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = ce(model(x), y)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() / len(train_loader)
    model.eval()
    val_loss = correct = 0.0
    with torch.no_grad():
        for x, y in val_loader:
            out = model(x)
            val_loss += ce(out, y).item() / len(val_loader)
            correct += (out.argmax(1) == y).sum().item()
    print(
        f"Epoch {epoch}, Train Loss: {train_loss:.4f}, Val Loss: {val_loss:.4f}, Val Accuracy: {correct / 400:.4f}"
    )
