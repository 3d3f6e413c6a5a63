"""Gradients are accumulated over 64 batches, the counter begins anew each epoch, and an epoch has 40: no step is ever taken.

Expected: weights-unchanged or not-learning, says step
Also: not-learning, validation-at-chance, loss-floor
"""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
protos = torch.randn(6, 40)
labels = torch.randint(0, 6, (1280 + 320,))
signals = protos[labels] + torch.randn(len(labels), 40)
train_set = torch.utils.data.TensorDataset(signals[:1280], labels[:1280])
valid_set = torch.utils.data.TensorDataset(signals[1280:], labels[1280:])
train_loader = torch.utils.data.DataLoader(train_set, batch_size=32, shuffle=True)
valid_loader = torch.utils.data.DataLoader(valid_set, batch_size=64)

model = nn.Sequential(nn.Linear(40, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 6))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
ACCUMULATE = 64
for epoch in range(12):
    model.train()
    running = 0.0
    for i, (x, y) in enumerate(train_loader):
        loss = F.cross_entropy(model(x), y)
        (loss / ACCUMULATE).backward()
        running += loss.item()
        if (i + 1) % ACCUMULATE == 0:
            optimizer.step()
            optimizer.zero_grad()
    model.eval()
    with torch.no_grad():
        pairs = [
            (F.cross_entropy(model(x), y).item(), (model(x).argmax(1) == y).float().mean().item())
            for x, y in valid_loader
        ]
    val_loss, val_acc = (sum(p) / len(p) for p in zip(*pairs, strict=True))
    print(
        f"epoch={epoch} train_loss={running / len(train_loader):.4f} val_loss={val_loss:.4f} val_acc={val_acc:.4f}"
    )
