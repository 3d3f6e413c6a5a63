"""`label_smoothing=1.0` was meant as "keep all of the label"; it keeps nothing of it.

Expected: not-learning or loss-floor or validation-at-chance
Also: not-learning, loss-floor, validation-at-chance, vanishing-gradient
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X, y = torch.tensor(d.data, dtype=torch.float32) / 16, torch.tensor(d.target)
loader = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(X[:1400], y[:1400]), 35, shuffle=True
)
model = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))
criterion = nn.CrossEntropyLoss(label_smoothing=1.0)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for epoch in range(15):
    model.train()
    losses = []
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        acc = (model(X[1400:]).argmax(1) == y[1400:]).float().mean().item()
    print(f"Epoch {epoch + 1}/15 train_loss={sum(losses) / len(losses):.4f} val_accuracy={acc:.4f}")
