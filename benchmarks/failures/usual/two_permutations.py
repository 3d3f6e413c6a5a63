"""Diabetes: inputs and targets are shuffled each epoch by a permutation of their own.

Expected: not-learning or validation-at-chance or loss-floor
Also: validation-at-chance, loss-floor, overfitting
"""

import torch
from sklearn.datasets import load_diabetes
from torch import nn

torch.manual_seed(0)
X, y = load_diabetes(return_X_y=True)
X = torch.tensor(X, dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)
y = (y - y.mean()) / y.std()
X_train, X_val, y_train, y_val = X[:360], X[360:], y[:360], y[360:]

model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
mse = nn.MSELoss()
for epoch in range(60):
    model.train()
    inputs = X_train[torch.randperm(len(X_train))]
    targets = y_train[torch.randperm(len(y_train))]
    epoch_loss = 0.0
    for i in range(0, len(inputs), 30):
        optimizer.zero_grad()
        loss = mse(model(inputs[i : i + 30]), targets[i : i + 30])
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * 30
    model.eval()
    with torch.no_grad():
        val_loss = mse(model(X_val), y_val).item()
    print(
        f"Epoch [{epoch + 1}/60] train_loss: {epoch_loss / len(X_train):.4f} val_loss: {val_loss:.4f}"
    )
