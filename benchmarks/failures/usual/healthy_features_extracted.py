"""A pretrained CNN is frozen, its batch norm kept in evaluation mode, and a head is trained on what it sees.

Expected: nothing
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X, y = torch.tensor(d.images, dtype=torch.float32)[:, None] / 16, torch.tensor(d.target)
backbone = nn.Sequential(
    nn.Conv2d(1, 16, 3),
    nn.BatchNorm2d(16),
    nn.ReLU(),
    nn.Conv2d(16, 32, 3),
    nn.BatchNorm2d(32),
    nn.ReLU(),
    nn.Flatten(),
)
head = nn.Linear(512, 5)
opt = torch.optim.Adam([*backbone.parameters(), *head.parameters()], 1e-3)
low = (y < 5).nonzero().squeeze(1)
for epoch in range(4):
    for idx in low[torch.randperm(len(low))].split(50):
        loss = nn.functional.cross_entropy(head(backbone(X[idx])), y[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(f"pretrain epoch {epoch} loss {loss.item():.4f}")

backbone.eval()
for p in backbone.parameters():
    p.requires_grad_(False)
head = nn.Linear(512, 5)
opt = torch.optim.Adam(head.parameters(), 3e-3)
high = (y >= 5).nonzero().squeeze(1)
train, val = high[:650], high[650:]
for epoch in range(12):
    head.train()
    for idx in train[torch.randperm(len(train))].split(50):
        loss = nn.functional.cross_entropy(head(backbone(X[idx])), y[idx] - 5)
        opt.zero_grad()
        loss.backward()
        opt.step()
    head.eval()
    with torch.no_grad():
        acc = (head(backbone(X[val])).argmax(1) == y[val] - 5).float().mean()
    print(f"head epoch {epoch} loss {loss.item():.4f} val_acc {acc.item():.4f}")
