"""Texts with several tags each: a bag of embeddings, BCE over twelve tags of which most are absent.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(11)
WORDS, TAGS = 240, 12


def sample(n):
    tags = (torch.rand(n, TAGS) < 0.15).float()
    words = torch.randint(0, WORDS, (n, 20))
    for i in range(n):
        for k in tags[i].nonzero().flatten().tolist():
            at = torch.randint(0, 20, (3,))
            words[i, at] = k * 20 + torch.randint(0, 8, (3,))
    return words, tags


train_x, train_y = sample(2000)
test_x, test_y = sample(400)
model = nn.Sequential(
    nn.EmbeddingBag(WORDS, 48, mode="mean"), nn.Linear(48, 64), nn.ReLU(), nn.Linear(64, TAGS)
)
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(12):
    model.train()
    total = 0.0
    for idx in torch.randperm(2000).split(50):
        loss = criterion(model(train_x[idx]), train_y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / 40
    model.eval()
    with torch.no_grad():
        out = model(test_x)
    tp = ((out > 0) * test_y).sum()
    f1 = (2 * tp / ((out > 0).sum() + test_y.sum()).clamp(min=1)).item()
    print(
        f"epoch {epoch} train_loss {total:.4f} val_loss {criterion(out, test_y).item():.4f} val_micro_f1 {f1:.4f}"
    )
