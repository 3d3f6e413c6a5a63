"""`NLLLoss` is given probabilities, not their logarithms: the loss lies between -1 and 0.

Expected: loss-floor or initial-loss or not-learning, says softmax or log
Also: not-learning, validation-at-chance, loss-floor, initial-loss
"""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(3)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, 3)
        self.conv2 = nn.Conv2d(10, 20, 3)
        self.drop = nn.Dropout2d(0.1)
        self.fc = nn.Linear(80, 10)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(F.max_pool2d(self.drop(self.conv2(x)), 2))
        return F.softmax(self.fc(x.flatten(1)), dim=1)


digits = load_digits()
X = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
Y = torch.tensor(digits.target)
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.5)
criterion = nn.NLLLoss()
for epoch in range(1, 11):
    model.train()
    for i, idx in enumerate(torch.randperm(1500).split(32)):
        optimizer.zero_grad()
        loss = criterion(model(X[idx]), Y[idx])
        loss.backward()
        optimizer.step()
        if i % 10 == 0:
            print(f"Train Epoch: {epoch} [{i * 32}/1500]\tLoss: {loss.item():.6f}")
    model.eval()
    with torch.no_grad():
        out = model(X[1500:])
        print(
            f"Test set: Average loss: {criterion(out, Y[1500:]).item():.4f}, Accuracy: {(out.argmax(1) == Y[1500:]).float().mean().item():.4f}"
        )
