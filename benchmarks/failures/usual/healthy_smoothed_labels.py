"""Label smoothing of 0.2 over ten classes: the loss cannot fall under about one, the accuracy is fine.

Expected: nothing
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X, y = torch.tensor(d.data, dtype=torch.float32) / 16, torch.tensor(d.target)
loader = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(X[:1400], y[:1400]), 50, shuffle=True
)
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))
criterion = nn.CrossEntropyLoss(label_smoothing=0.2)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(25):
    model.train()
    total = 0.0
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        out = model(X[1400:])
    print(
        f"epoch {epoch}: train_loss {total / len(loader):.4f} val_loss {nn.functional.cross_entropy(out, y[1400:]).item():.4f} val_acc {(out.argmax(1) == y[1400:]).float().mean().item():.4f}"
    )
