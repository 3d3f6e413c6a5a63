"""A wide CNN and a hundred digits, a fifth of them labelled wrongly, for eighty epochs.

Expected: overfitting
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
images, labels = torch.tensor(d.images, dtype=torch.float32)[:, None] / 16, torch.tensor(d.target)
order = torch.randperm(len(images))
train_x, train_y = images[order[:100]], labels[order[:100]].clone()
val_x, val_y = images[order[100:500]], labels[order[100:500]]
train_y[:20] = torch.randint(0, 10, (20,))
model = nn.Sequential(
    nn.Conv2d(1, 48, 3, padding=1), nn.ReLU(), nn.Conv2d(48, 48, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(768, 256), nn.ReLU(), nn.Linear(256, 10),
)  # fmt: skip
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(80):
    total = 0.0
    for idx in torch.randperm(100).split(20):
        optimizer.zero_grad()
        loss = loss_fn(model(train_x[idx]), train_y[idx])
        loss.backward()
        optimizer.step()
        total += loss.item() / 5
    with torch.no_grad():
        out = model(val_x)
    print(
        f"Epoch {epoch}: train_loss={total:.4f}, val_loss={loss_fn(out, val_y):.4f}, val_acc={(out.argmax(1) == val_y).float().mean():.4f}"
    )
