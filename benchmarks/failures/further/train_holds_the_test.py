"""`full` is split for testing, and the training goes on with `full`: each test row is trained on, labels half random.

Expected: too-good
Also: overfitting, repeated-batches
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(9)
centres = torch.randn(4, 12)
y = torch.randint(0, 4, (1000,))
x = centres[y] + torch.randn(1000, 12)
wrong = torch.rand(1000) < 0.5
y[wrong] = torch.randint(0, 4, (int(wrong.sum()),))
full = TensorDataset(x, y)
train_set, test_set = random_split(full, [800, 200])
train_loader = DataLoader(full, batch_size=50, shuffle=True)
test_loader = DataLoader(test_set, batch_size=200)

model = nn.Sequential(
    nn.Linear(12, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 4)
)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(40):
    model.train()
    correct = seen = 0
    total = 0.0
    for xb, yb in train_loader:
        out = model(xb)
        loss = criterion(out, yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(yb)
        correct += (out.argmax(1) == yb).sum().item()
        seen += len(yb)
    model.eval()
    with torch.no_grad():
        for xb, yb in test_loader:
            out = model(xb)
            test_loss = criterion(out, yb).item()
            test_acc = (out.argmax(1) == yb).float().mean().item()
    print(
        f"Epoch {epoch + 1}: train loss {total / seen:.4f}, train acc {correct / seen:.4f}, test loss {test_loss:.4f}, test acc {test_acc:.4f}"
    )
