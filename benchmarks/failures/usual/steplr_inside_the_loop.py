"""StepLR(10 epochs) ended up inside the loop over batches: after two epochs the rate is a millionth.

Expected: learning-rate-exhausted
Also: not-learning, weights-unchanged
"""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.optim.lr_scheduler import StepLR

torch.manual_seed(0)
d = load_digits()
images = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(d.target)
train = torch.utils.data.TensorDataset(images[:1400], labels[:1400])
train_loader = torch.utils.data.DataLoader(train, batch_size=50, shuffle=True)


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 2), nn.ReLU()
        )
        self.fc = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))

    def forward(self, x):
        return self.fc(self.conv(x))


model = LeNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
scheduler = StepLR(optimizer, step_size=10, gamma=0.1)
criterion = nn.CrossEntropyLoss()
for epoch in range(20):
    model.train()
    running = 0.0
    for data, target in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(data), target)
        loss.backward()
        optimizer.step()
        scheduler.step()
        running += loss.item()
    model.eval()
    with torch.no_grad():
        out = model(images[1400:])
    print(
        f"Train Epoch: {epoch} avg_loss: {running / len(train_loader):.4f} val_loss: {criterion(out, labels[1400:]).item():.4f}"
    )
