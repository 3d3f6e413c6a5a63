"""Predictions of shape (n, 1) against targets of shape (n): each is compared with all, and the mean is what is learned.

Expected: not-learning, says shape or broadcast
Also: validation-at-chance, loss-floor
"""

import warnings

import torch
from sklearn.datasets import make_regression
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
torch.manual_seed(10)
X, y = make_regression(1600, 12, noise=5.0, random_state=0)
y = y / y.std()
X_train, X_test, y_train, y_test = (
    torch.tensor(a, dtype=torch.float32) for a in train_test_split(X, y, random_state=0)
)
loader = DataLoader(TensorDataset(X_train, y_train), batch_size=64, shuffle=True)


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(12, 64)
        self.drop = nn.Dropout(0.1)
        self.out = nn.Linear(64, 1)

    def forward(self, x):
        return self.out(self.drop(torch.relu(self.hidden(x))))


model = Regressor()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.L1Loss()
for epoch in range(1, 26):
    model.train()
    epoch_loss = 0.0
    for features, target in loader:
        optimizer.zero_grad()
        loss = criterion(model(features), target)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
    model.eval()
    with torch.no_grad():
        test_loss = criterion(model(X_test), y_test).item()
    if epoch % 1 == 0:
        print(
            f"Epoch {epoch:3d} | Train Loss: {epoch_loss / len(loader):.4f} | Test Loss: {test_loss:.4f}"
        )
