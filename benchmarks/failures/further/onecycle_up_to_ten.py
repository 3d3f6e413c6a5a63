"""OneCycleLR goes up to a rate of 10 with plain SGD and momentum, where 0.1 was read in the paper.

Expected: diverged or dead-units or not-learning or non-finite or exploding-gradient, says rate
Also: diverged, dead-units, not-learning, non-finite, exploding-gradient, spike, vanishing-gradient, validation-at-chance, loss-floor, weights-unchanged, frozen-parameters, hidden-nan
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
d = load_digits()
X, y = torch.tensor(d.images, dtype=torch.float32)[:, None] / 16, torch.tensor(d.target)
train_loader = DataLoader(TensorDataset(X[:1408], y[:1408]), batch_size=64, shuffle=True)
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, stride=2, padding=1), nn.ReLU(),
    nn.Flatten(), nn.Linear(256, 10),
)  # fmt: skip
EPOCHS = 15
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
scheduler = torch.optim.lr_scheduler.OneCycleLR(
    optimizer, max_lr=10, epochs=EPOCHS, steps_per_epoch=len(train_loader)
)
for epoch in range(EPOCHS):
    model.train()
    for x, t in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), t)
        loss.backward()
        optimizer.step()
        scheduler.step()
    model.eval()
    with torch.no_grad():
        out = model(X[1408:])
    print(f"epoch {epoch} loss {loss.item():.4f} val_loss {nn.functional.cross_entropy(out, y[1408:]).item():.4f} "
          f"val_acc {(out.argmax(1) == y[1408:]).float().mean():.3f} lr {optimizer.param_groups[0]['lr']:.3f}")  # fmt: skip
