"""Masked words: of each text some are to be guessed, the others are ignored in the loss.

Expected: nothing
"""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
table, mix, head = (
    nn.Embedding(41, 32),
    nn.GRU(32, 32, batch_first=True, bidirectional=True),
    nn.Linear(64, 40),
)
optimizer = torch.optim.AdamW([*table.parameters(), *mix.parameters(), *head.parameters()], 3e-3)
for step in range(400):
    begin = torch.randint(0, 40, (16, 1))
    words = (begin + torch.arange(12) * 3) % 40
    hidden = torch.rand(16, 12) < 0.15
    shown = words.masked_fill(hidden, 40)
    target = words.masked_fill(~hidden, -100)
    loss = F.cross_entropy(head(mix(table(shown))[0]).transpose(1, 2), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step} mlm_loss {loss.item():.4f}")
