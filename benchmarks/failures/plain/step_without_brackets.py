"""`optimizer.step` stands there without its brackets: it is never called.

Expected: weights-unchanged or not-learning, says step or unchanged
Also: not-learning, validation-at-chance, loss-floor, weights-unchanged
"""

import torch
from sklearn.datasets import load_iris
from torch import nn

torch.manual_seed(17)
data = load_iris()
perm = torch.randperm(150)
x = torch.tensor(data.data, dtype=torch.float32)[perm]
y = torch.tensor(data.target)[perm]
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(100):
    for i in range(0, 120, 20):
        optimizer.zero_grad()
        loss = criterion(model(x[i : i + 20]), y[i : i + 20])
        loss.backward()
        optimizer.step  # noqa: B018
    with torch.no_grad():
        logits = model(x[120:])
        val_loss = criterion(logits, y[120:]).item()
        acc = (logits.argmax(1) == y[120:]).float().mean().item()
    print(f"Epoch {epoch}, Loss: {loss.item():.4f}, Val loss: {val_loss:.4f}, Val acc: {acc:.4f}")
