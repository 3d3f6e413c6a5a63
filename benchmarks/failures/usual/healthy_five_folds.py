"""Cross-validation in one process: five models one after the other, each begins anew.

Expected: nothing
"""

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import KFold
from torch import nn

torch.manual_seed(0)
X, y = load_breast_cancer(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
y = torch.tensor(y)
scores = []
for fold, (train_idx, val_idx) in enumerate(KFold(5, shuffle=True, random_state=0).split(X)):
    model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    train = torch.utils.data.TensorDataset(X[train_idx], y[train_idx])
    for epoch in range(15):
        model.train()
        for xb, yb in torch.utils.data.DataLoader(train, 32, shuffle=True):
            loss = nn.functional.cross_entropy(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            out = model(X[val_idx])
        val_loss = nn.functional.cross_entropy(out, y[val_idx]).item()
        print(f"fold {fold} epoch {epoch} train_loss {loss.item():.4f} val_loss {val_loss:.4f}")
    scores.append((out.argmax(1) == y[val_idx]).float().mean().item())
print(f"accuracy {sum(scores) / 5:.4f}")
