"""A text encoder is frozen and read under no_grad by intent; a head of two layers learns on what it says.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
encoder = nn.Sequential(nn.EmbeddingBag(80, 48), nn.Linear(48, 48), nn.Tanh())
head = nn.Sequential(nn.Linear(48, 32), nn.ReLU(), nn.Linear(32, 3))
encoder.requires_grad_(False).eval()
ids = torch.randint(0, 80, (1500, 10))
y = (ids < 27).sum(1).sub(2).clamp(0, 2)
optimizer = torch.optim.AdamW(head.parameters(), lr=2e-3)
for epoch in range(10):
    total = 0.0
    for rows in torch.randperm(1300).split(50):
        with torch.no_grad():
            features = encoder(ids[rows])
        loss = nn.functional.cross_entropy(head(features), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / 26
    with torch.no_grad():
        acc = (head(encoder(ids[1300:])).argmax(1) == y[1300:]).float().mean().item()
    print(f"epoch {epoch} loss {total:.4f} val_acc {acc:.4f}")
