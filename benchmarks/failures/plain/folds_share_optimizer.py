"""Cross-validation makes a new model for each fold, and keeps the optimizer of the first one.

Expected: weights-unchanged or frozen-parameters
Also: not-learning, validation-at-chance
"""

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(15)
X, y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)


def build():
    return nn.Sequential(
        nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1)
    )


model = build()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.BCEWithLogitsLoss()
for fold, (train_idx, val_idx) in enumerate(KFold(4, shuffle=True, random_state=0).split(X)):
    if fold > 0:
        model = build()
    xt, yt = torch.tensor(X[train_idx], dtype=torch.float32), torch.tensor(y[train_idx]).float()
    xv, yv = torch.tensor(X[val_idx], dtype=torch.float32), torch.tensor(y[val_idx]).float()
    for epoch in range(12):
        model.train()
        perm = torch.randperm(len(xt))
        for i in range(0, len(xt), 32):
            b = perm[i : i + 32]
            optimizer.zero_grad()
            loss = criterion(model(xt[b]).squeeze(1), yt[b])
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            logits = model(xv).squeeze(1)
        acc = ((logits > 0).float() == yv).float().mean().item()
        print(
            f"fold {fold} epoch {epoch} loss {loss.item():.4f} val_loss {criterion(logits, yv).item():.4f} val_acc {acc:.4f}"
        )
