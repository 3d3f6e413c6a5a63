"""Training images are divided by their maximum and standardised; validation gets them as integers from 0 to 16.

Expected: train-eval-mismatch or validation-at-chance
Also: validation-at-chance, overfitting, train-eval-mismatch
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Digits(Dataset):
    def __init__(self, split, transform=None):
        d = load_digits()
        part = slice(0, 1400) if split == "train" else slice(1400, None)
        self.images, self.targets = d.images[part], d.target[part]
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image = torch.tensor(self.images[i], dtype=torch.float32).unsqueeze(0)
        if self.transform:
            image = self.transform(image)
        return image, int(self.targets[i])


train_loader = DataLoader(
    Digits("train", lambda im: (im / 16 - 0.3) / 0.37), batch_size=50, shuffle=True
)
val_loader = DataLoader(Digits("val"), batch_size=100)
net = nn.Sequential(
    nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten(), nn.Linear(576, 10)
)
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(8):
    net.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(net(x), y)
        loss.backward()
        optimizer.step()
    net.eval()
    val_loss = val_acc = 0
    with torch.no_grad():
        for x, y in val_loader:
            out = net(x)
            val_loss += loss_fn(out, y).item() / len(val_loader)
            val_acc += (out.argmax(1) == y).float().mean().item() / len(val_loader)
    print(
        f"Epoch {epoch} - loss: {loss.item():.4f} - val_loss: {val_loss:.4f} - val_accuracy: {val_acc:.4f}"
    )
