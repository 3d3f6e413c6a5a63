"""`init.normal_` with its default deviation of 1 on a conv net: the first loss is in the thousands.

Expected: initial-loss
Also: dead-units, exploding-gradient, diverged, spike, not-learning
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
X = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
y = torch.tensor(digits.target)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(32, 32, 3, stride=2, padding=1), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(32 * 4, 10)
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.normal_(m.weight)

    def forward(self, x):
        return self.head(self.body(x).flatten(1))


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(12):
    perm = torch.randperm(1400)
    losses = []
    for chunk in perm.split(40):
        loss = nn.functional.cross_entropy(model(X[chunk]), y[chunk])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        acc = (model(X[1400:]).argmax(1) == y[1400:]).float().mean().item()
    print(f"Epoch {epoch}: avg loss {sum(losses) / len(losses):.3f}, val acc {acc:.3f}")
