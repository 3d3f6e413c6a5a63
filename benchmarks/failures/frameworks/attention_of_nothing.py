"""Sequences of unequal length, padded; row 5 of batch 90 is empty, so that attention has nothing to look at.

Expected: non-finite at step 90, rows 5
"""

import torch
from torch import nn

torch.manual_seed(0)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(40, 32, padding_idx=0)
        self.query, self.key, self.value = (nn.Linear(32, 32) for _ in range(3))
        self.head = nn.Linear(32, 3)

    def forward(self, tokens):
        x = self.embed(tokens)
        scores = self.query(x) @ self.key(x).mT / 32**0.5
        scores = scores.masked_fill((tokens == 0)[:, None], float("-inf"))
        mixed = scores.softmax(-1) @ self.value(x)
        return self.head(mixed.mean(1))


model = Classifier()
optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
for step in range(240):
    tokens = torch.randint(1, 40, (24, 12))
    label = tokens[:, 0] % 3
    lengths = torch.randint(3, 13, (24, 1))
    if step == 90:
        lengths[5] = 0
    tokens = tokens * (torch.arange(12) < lengths)
    loss = nn.functional.cross_entropy(model(tokens), label)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print({"step": step, "loss": round(loss.item(), 4)})
