"""Texts of like length share a batch, the batches in random order: lengths go up and down, classes are mixed.

Expected: nothing
"""

import random

import torch
from torch import nn
from torch.nn import functional as F

random.seed(0)
torch.manual_seed(0)
texts = []
for _ in range(1500):
    kind, size = random.randrange(3), random.randint(4, 30)
    texts.append(
        (torch.randint(0, 90, (size,)) // 3 * 3 + (kind if random.random() < 2 else 0), kind)
    )
held, texts = texts[:200], sorted(texts[200:], key=lambda t: len(t[0]))


def collate(rows):
    return nn.utils.rnn.pad_sequence([t for t, _ in rows], True, 92), torch.tensor(
        [k for _, k in rows]
    )


class Buckets:
    def __len__(self):
        return len(texts) // 20

    def __iter__(self):
        batches = [list(range(i, min(i + 20, len(texts)))) for i in range(0, len(texts), 20)]
        random.shuffle(batches)
        return iter(batches)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.gru, self.head = (
            nn.Embedding(93, 16),
            nn.GRU(16, 24, batch_first=True),
            nn.Linear(24, 3),
        )

    def forward(self, x):
        return self.head(self.gru(self.table(x))[0].mean(1))


loader = torch.utils.data.DataLoader(texts, batch_sampler=Buckets(), collate_fn=collate)
x_held, y_held = collate(held)

model = Net()
optimizer = torch.optim.Adam(model.parameters(), 2e-3)
for epoch in range(10):
    model.train()
    for xs, ys in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(xs), ys)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        out = model(x_held)
        held, right = (
            F.cross_entropy(out, y_held).item(),
            (out.argmax(1) == y_held).float().mean().item(),
        )
    print(f"[{epoch:02d}] train {loss.item():.4f} | valid loss {held:.4f} acc {right:.3f}")
