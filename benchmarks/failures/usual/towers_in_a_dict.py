"""A multi-input net keeps its towers in a plain dict: the optimizer gets the last layer alone.

Expected: frozen-parameters
Also: not-learning, overfitting
"""

import torch
from sklearn.datasets import load_wine
from torch import nn

torch.manual_seed(0)


class MultiInput(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.sizes = sizes
        self.towers = {
            name: nn.Sequential(nn.Linear(size, 16), nn.ReLU(), nn.Linear(16, 4))
            for name, size in sizes.items()
        }
        self.merge = nn.Linear(4 * len(sizes), 3)

    def forward(self, x):
        parts = x.split(list(self.sizes.values()), dim=1)
        return self.merge(
            torch.cat(
                [tower(part) for tower, part in zip(self.towers.values(), parts, strict=True)], 1
            )
        )


X, y = load_wine(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
y = torch.tensor(y)
order = torch.randperm(len(X))
X, y = X[order], y[order]
net = MultiInput({"acids": 4, "phenols": 5, "colour": 4})
print("trainable parameters:", sum(p.numel() for p in net.parameters()))
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(60):
    net.train()
    for i in range(0, 140, 20):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(X[i : i + 20]), y[i : i + 20])
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        acc = (net(X[140:]).argmax(1) == y[140:]).float().mean().item()
    print(f"epoch {epoch} train_loss {loss.item():.4f} val_acc {acc:.3f}")
