"""Biases are set to -6 in an `init_weights` copied from a detector's last layer, where it is meant for rare objects.

Expected: dead-units or vanishing-gradient or not-learning
Also: dead-units, vanishing-gradient, not-learning, validation-at-chance, loss-floor, initial-loss, weights-unchanged, frozen-parameters
"""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


def init_weights(m):
    if isinstance(m, (nn.Conv2d, nn.Linear)):
        nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
        nn.init.constant_(m.bias, -6.0)


data = load_digits()
images = torch.tensor(data.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(data.target)
train = DataLoader(TensorDataset(images[:1400], labels[:1400]), batch_size=64, shuffle=True)
cnn = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
    nn.Flatten(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10),
)  # fmt: skip
cnn.apply(init_weights)
optimizer = torch.optim.Adam(cnn.parameters(), lr=5e-4)
loss_function = nn.CrossEntropyLoss()
for epoch in range(12):
    cnn.train()
    for batch, (x, y) in enumerate(train):
        loss = loss_function(cnn(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if batch % 10 == 0:
            print(f"[{epoch}/{batch}] loss: {loss.item():.4f}")
    cnn.eval()
    with torch.no_grad():
        pred = cnn(images[1400:])
    print(f"epoch {epoch} test loss: {loss_function(pred, labels[1400:]).item():.4f}, "
          f"test acc: {(pred.argmax(1) == labels[1400:]).float().mean():.3f}")  # fmt: skip
