"""Iris, 150 flowers, full batches: the validation accuracy is where it stays within some steps.

Expected: nothing
"""

import torch
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from torch import nn

torch.manual_seed(0)
X, y = load_iris(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, stratify=y, random_state=3)
mean, std = X_train.mean(0), X_train.std(0)
X_train, X_test = (torch.FloatTensor((a - mean) / std) for a in (X_train, X_test))
y_train, y_test = torch.LongTensor(y_train), torch.LongTensor(y_test)
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
criterion = nn.CrossEntropyLoss()
for epoch in range(200):
    optimizer.zero_grad()
    loss = criterion(model(X_train), y_train)
    loss.backward()
    optimizer.step()
    if epoch % 5 == 0:
        with torch.no_grad():
            out = model(X_test)
        acc = (out.argmax(1) == y_test).float().mean().item()
        print(
            f"Epoch {epoch}: loss {loss.item():.4f} test_loss {criterion(out, y_test).item():.4f} test_acc {acc:.3f}"
        )
