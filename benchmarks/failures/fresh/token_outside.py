"""At batch 45 a token is as high as the vocabulary is large.

Expected: crashed at step 45
"""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
table, head = nn.Embedding(100, 16), nn.Linear(16, 2)
optimizer = torch.optim.Adam([*table.parameters(), *head.parameters()], 1e-3)
for step in range(90):
    tokens = torch.randint(0, 100, (16, 10))
    if step == 45:
        tokens[4, 7] = 100
    loss = F.cross_entropy(head(table(tokens).mean(1)), tokens[:, 0] % 2)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"{step=} loss={loss.item():.4f}")
