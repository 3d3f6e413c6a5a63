"""A conv net with batch norm, dropout and one cycle of the rate, evaluated as it should be.

Expected: nothing
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
y = torch.randint(5, (2000,))
x = torch.randn(5, 1, 10, 10)[y] + 1.5 * torch.randn(2000, 1, 10, 10)
loader = DataLoader(TensorDataset(x[:1600], y[:1600]), batch_size=40, shuffle=True)
model = nn.Sequential(
    nn.Conv2d(1, 8, 3),
    nn.BatchNorm2d(8),
    nn.ReLU(),
    nn.Flatten(),
    nn.Dropout(0.3),
    nn.Linear(512, 5),
)
optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, weight_decay=1e-3)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=12 * 40)
for epoch in range(12):
    model.train()
    for images, labels in loader:
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    model.eval()
    with torch.no_grad():
        logits = model(x[1600:])
    print(f"epoch {epoch} train_loss {loss.item():.4f} val_loss {nn.functional.cross_entropy(logits, y[1600:]).item():.4f} val_acc {(logits.argmax(1) == y[1600:]).float().mean().item():.4f}")  # fmt: skip
