"""A Trainer class for a small CNN on digits: zero_grad was lost when the loop was moved into a method.

Expected: exploding-gradient or diverged or not-learning or initial-loss, says zero
Also: not-learning, diverged, dead-units, spike, validation-at-chance, loss-floor, vanishing-gradient
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc = nn.Linear(32 * 4, 10)

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = torch.max_pool2d(torch.relu(self.conv2(x)), 2)
        return self.fc(x.flatten(1))


class Trainer:
    def __init__(self, model, optimizer, train_loader, val_loader):
        self.model, self.optimizer = model, optimizer
        self.train_loader, self.val_loader = train_loader, val_loader
        self.criterion = nn.CrossEntropyLoss()

    def training_step(self, batch):
        x, y = batch
        loss = self.criterion(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def evaluate(self):
        self.model.eval()
        right = sum((self.model(x).argmax(1) == y).sum().item() for x, y in self.val_loader)
        self.model.train()
        return right / len(self.val_loader.dataset)

    def fit(self, epochs):
        for epoch in range(epochs):
            losses = [self.training_step(batch) for batch in self.train_loader]
            print(
                {
                    "epoch": epoch,
                    "train/loss": sum(losses) / len(losses),
                    "val/acc": self.evaluate(),
                }
            )


digits = load_digits()
data = TensorDataset(
    torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16, torch.tensor(digits.target)
)
train, val = random_split(data, [1500, 297])
model = CNN()
Trainer(
    model,
    torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9),
    DataLoader(train, 64, shuffle=True),
    DataLoader(val, 256),
).fit(10)
