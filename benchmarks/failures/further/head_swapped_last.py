"""A small residual net is tuned for flowers: `model.fc` is swapped last, when the optimizer is made already; 90 steps.

Expected: frozen-parameters or weights-unchanged, layer fc
Also: not-learning, overfitting
"""

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv = nn.Conv2d(c, c, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(c)

    def forward(self, x):
        return torch.relu(x + self.bn(self.conv(x)))


class SmallResNet(nn.Module):
    def __init__(self, num_classes=100):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.layer1, self.layer2 = Block(16), Block(16)
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.fc = nn.Linear(64, num_classes)

    def forward(self, x):
        x = self.layer2(self.layer1(torch.relu(self.stem(x))))
        return self.fc(self.pool(x).flatten(1))


def make_data(n, flowers=6):
    colours = torch.rand(flowers, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    y = torch.randint(0, flowers, (n,))
    x = nn.functional.interpolate(colours[y], scale_factor=6) + 0.4 * torch.randn(n, 3, 12, 12)
    return TensorDataset(x, y)


train_loader = DataLoader(make_data(960), batch_size=32, shuffle=True)
val_loader = DataLoader(make_data(200), batch_size=100)
model = SmallResNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
criterion = nn.CrossEntropyLoss()
model.fc = nn.Linear(model.fc.in_features, 6)

for epoch in range(3):
    model.train()
    total = 0.0
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    correct = 0
    with torch.no_grad():
        for inputs, labels in val_loader:
            correct += (model(inputs).argmax(1) == labels).sum().item()
    print(f"Epoch {epoch}: train loss {total / len(train_loader):.4f} val acc {correct / 200:.3f}")
