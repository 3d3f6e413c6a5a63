"""Breast cancer by a small net; the command line was given 1e-7 where 1e-1 was meant.

Expected: not-learning or weights-unchanged, says rate
Also: validation-at-chance, loss-floor, weights-unchanged
"""

import argparse

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-7)
parser.add_argument("--epochs", type=int, default=40)
args = parser.parse_args()
torch.manual_seed(42)

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
scaler = StandardScaler().fit(X_train)


def to(a):
    return torch.tensor(a, dtype=torch.float32)


train = TensorDataset(to(scaler.transform(X_train)), to(y_train))
loader = DataLoader(train, batch_size=32, shuffle=True)
X_test, y_test = to(scaler.transform(X_test)), to(y_test)

net = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 1))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=args.lr, momentum=0.9)
for epoch in range(args.epochs):
    total = 0
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(net(xb).squeeze(1), yb)
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        test_loss = criterion(net(X_test).squeeze(1), y_test).item()
    print(f"epoch {epoch:3d} | train_loss {total / len(loader):.5f} | test_loss {test_loss:.5f}")
