"""Three rows of a hundred are positive: accuracy begins at 97 % and hardly moves, the area under the curve does.

Expected: nothing
"""

import torch
from sklearn.metrics import roc_auc_score
from torch import nn

torch.manual_seed(0)
X = torch.randn(6000, 15)
w = torch.randn(15)
p = torch.sigmoid(1.2 * (X @ w) / w.norm() * 2 - 6.5)
y = torch.bernoulli(p)
print(f"positives: {y.mean().item():.4f}")
loader = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(X[:5000], y[:5000]), 64, shuffle=True
)
model = nn.Sequential(nn.Linear(15, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
bce = nn.BCEWithLogitsLoss()
for epoch in range(12):
    model.train()
    total = 0.0
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = bce(model(xb).squeeze(1), yb)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        z = model(X[5000:]).squeeze(1)
    acc = ((z > 0).float() == y[5000:]).float().mean().item()
    print(
        f"epoch {epoch} train_loss {total / len(loader):.4f} val_loss {bce(z, y[5000:]).item():.4f} val_acc {acc:.4f} val_auc {roc_auc_score(y[5000:], z):.4f}"
    )
