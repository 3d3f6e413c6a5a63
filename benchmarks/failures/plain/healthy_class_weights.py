"""One kind in twelve is rare; cross-entropy is weighted by inverse frequency, so that the loss differs from accuracy.

Expected: nothing
"""

import torch
from sklearn.datasets import make_classification
from sklearn.metrics import f1_score
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(9)
X, y = make_classification(
    4000, 20, n_informative=8, n_classes=3, weights=[0.6, 0.32, 0.08], class_sep=1.3, random_state=2
)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
weight = len(y) / (3 * torch.bincount(y).float())
train = DataLoader(TensorDataset(X[:3200], y[:3200]), batch_size=64, shuffle=True)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 3))
criterion = nn.CrossEntropyLoss(weight=weight)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(15):
    model.train()
    losses = []
    for xb, yb in train:
        loss = criterion(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        out = model(X[3200:])
    f1 = f1_score(y[3200:], out.argmax(1), average="macro")
    print(
        f"epoch {epoch + 1:02d} train_loss {sum(losses) / len(losses):.4f} val_loss {criterion(out, y[3200:]).item():.4f} val_f1 {f1:.4f}"
    )
