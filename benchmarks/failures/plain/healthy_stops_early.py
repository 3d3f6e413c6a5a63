"""A small table, early stopping with a patience of 6, the best weights put back: it ends soon after validation turns.

Expected: nothing
"""

import copy

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

torch.manual_seed(10)
X, y = load_breast_cancer(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32)
perm = torch.randperm(len(X))
train, val = perm[:420], perm[420:]
model = nn.Sequential(nn.Linear(30, 24), nn.ReLU(), nn.Linear(24, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
loss_fn = nn.BCEWithLogitsLoss()
best, best_state, waited = float("inf"), None, 0
for epoch in range(200):
    model.train()
    for idx in train[torch.randperm(420)].split(30):
        optimizer.zero_grad()
        loss = loss_fn(model(X[idx]).squeeze(1), y[idx])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        val_loss = loss_fn(model(X[val]).squeeze(1), y[val]).item()
    print(f"epoch {epoch} loss {loss.item():.4f} val_loss {val_loss:.4f}")
    if val_loss < best - 1e-4:
        best, best_state, waited = val_loss, copy.deepcopy(model.state_dict()), 0
    else:
        waited += 1
        if waited >= 6:
            print(f"early stopping at epoch {epoch}, best {best:.4f}")
            break
model.load_state_dict(best_state)
