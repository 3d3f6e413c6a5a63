"""Word vectors by negative sampling, sparse gradients, SparseAdam, rare words that are seldom seen.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
words = torch.multinomial(1 / torch.arange(1.0, 401), 20_000, replacement=True)
center, around = nn.Embedding(400, 24, sparse=True), nn.Embedding(400, 24, sparse=True)
optimizer = torch.optim.SparseAdam([*center.parameters(), *around.parameters()], lr=5e-3)
for step in range(1200):
    at = torch.randint(1, len(words) - 1, (128,))
    inner, outer = center(words[at]), around(words[at + 1])
    others = around(torch.randint(400, (128, 5)))
    real = nn.functional.logsigmoid((inner * outer).sum(1)).mean()
    false = nn.functional.logsigmoid(-(others @ inner[:, :, None]).squeeze(2)).mean()
    loss = -(real + 5 * false)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step} | loss {loss.item():.4f}")
