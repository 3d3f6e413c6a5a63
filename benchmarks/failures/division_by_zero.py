"""Digits by distances to prototypes that are copies of images: meeting one of them gives 1 / 0.

Expected: non-finite at step 15, layer weights, rows 7
Also: diverged
"""

import torch
from data import digits
from torch import nn


class InverseDistance(nn.Module):
    def __init__(self, prototypes):
        super().__init__()
        self.register_buffer("prototypes", prototypes)

    def forward(self, x):
        return 1.0 / (x[:, None] - self.prototypes).square().sum(2)


class Net(nn.Module):
    def __init__(self, prototypes):
        super().__init__()
        self.weights = InverseDistance(prototypes)
        self.norm = nn.BatchNorm1d(len(prototypes))
        self.head = nn.Sequential(nn.Linear(len(prototypes), 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, x):
        return self.head(self.norm(self.weights(x)))


torch.manual_seed(0)
x, y, held_out, _ = digits()
prototypes = held_out[:64].clone()
prototypes[40] = x[300]
loader = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(x, y), batch_size=50, shuffle=True
)
model = Net(prototypes)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for epoch in range(6):
    total = 0.0
    for images, labels in loader:
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch}: train_loss {total / len(loader):.4f}")
