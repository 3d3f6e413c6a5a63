"""An LSTM for four kinds of waves returns a softmax, and is trained by CrossEntropyLoss.

Expected: loss-floor, says softmax
Also: not-learning
"""

import math

import torch
import torch.nn as nn
import torch.optim as optim

torch.manual_seed(7)


def waves(n, length=30):
    kind = torch.randint(0, 4, (n,))
    t = torch.linspace(0, 4 * math.pi, length)
    phase, speed = 2 * math.pi * torch.rand(n, 1), 0.8 + 0.4 * torch.rand(n, 1)
    angle = speed * t + phase
    shapes = torch.stack(
        [angle.sin(), angle.sin().sign(), (angle / math.pi % 2) - 1, angle.sin().abs() * 2 - 1], 1
    )
    return (shapes[torch.arange(n), kind] + 0.1 * torch.randn(n, length)).unsqueeze(-1), kind


class LSTMClassifier(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 4)
        self.softmax = nn.Softmax(dim=1)

    def forward(self, x):
        _, (h, _) = self.lstm(x)
        return self.softmax(self.fc(h[-1]))


x_train, y_train = waves(1280)
x_test, y_test = waves(300)
model = LSTMClassifier()
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=0.01)
for epoch in range(15):
    model.train()
    perm = torch.randperm(len(x_train))
    total = 0
    for i in range(0, len(perm), 32):
        batch = perm[i : i + 32]
        optimizer.zero_grad()
        loss = criterion(model(x_train[batch]), y_train[batch])
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        out = model(x_test)
        acc = (out.argmax(1) == y_test).float().mean().item() * 100
    print(
        f"Epoch {epoch + 1}: train loss {total / 40:.4f}, test loss {criterion(out, y_test).item():.4f}, test acc {acc:.2f}%"
    )
