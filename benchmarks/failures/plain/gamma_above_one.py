"""ExponentialLR with a gamma of 1.5, where 0.95 was meant: the rate grows with each epoch, until nothing holds.

Expected: diverged or learning-rate-jump or non-finite or not-learning, says rate
Also: diverged, learning-rate-jump, non-finite, spike, validation-at-chance, exploding-gradient, overfitting, dead-units, not-learning
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.lr_scheduler import ExponentialLR
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(5)
digits = load_digits()
dataset = TensorDataset(
    torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16, torch.tensor(digits.target)
)
train_set, val_set = random_split(dataset, [1437, 360])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=128)
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 10)
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
scheduler = ExponentialLR(optimizer, gamma=1.5)
criterion = nn.CrossEntropyLoss()
for epoch in range(20):
    model.train()
    running = 0.0
    for images, targets in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(images), targets)
        loss.backward()
        optimizer.step()
        running += loss.item() * len(targets)
    scheduler.step()
    model.eval()
    correct = 0
    with torch.no_grad():
        for images, targets in val_loader:
            correct += (model(images).argmax(1) == targets).sum().item()
    print(
        f"Epoch [{epoch + 1}/20] Loss: {running / len(train_set):.4f} Val Acc: {100 * correct / len(val_set):.2f}%"
    )
