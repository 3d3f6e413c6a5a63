"""A shadow copy follows the weights with 0.98 and is what gets judged; the copy itself has no optimizer.

Expected: nothing
"""

import copy

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)


class EMA:
    def __init__(self, model, decay=0.98):
        self.module = copy.deepcopy(model).eval()
        self.decay = decay
        for p in self.module.parameters():
            p.requires_grad_(False)

    @torch.no_grad()
    def update(self, model):
        for mine, theirs in zip(
            self.module.state_dict().values(), model.state_dict().values(), strict=True
        ):
            if mine.dtype.is_floating_point:
                mine.mul_(self.decay).add_(theirs, alpha=1 - self.decay)
            else:
                mine.copy_(theirs)


d = load_digits()
X, y = torch.tensor(d.images, dtype=torch.float32)[:, None] / 16, torch.tensor(d.target)
model = nn.Sequential(
    nn.Conv2d(1, 16, 3),
    nn.BatchNorm2d(16),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(576, 64),
    nn.ReLU(),
    nn.Dropout(0.2),
    nn.Linear(64, 10),
)
ema = EMA(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)
for epoch in range(10):
    model.train()
    for idx in torch.randperm(1400).split(50):
        loss = nn.functional.cross_entropy(model(X[idx]), y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ema.update(model)
    with torch.no_grad():
        out = ema.module(X[1400:])
        print(
            f"epoch {epoch} loss {loss.item():.4f} ema_val_loss {nn.functional.cross_entropy(out, y[1400:]).item():.4f} ema_val_acc {(out.argmax(1) == y[1400:]).float().mean().item():.4f}"
        )
