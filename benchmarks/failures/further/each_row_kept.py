"""A dict keeps the hidden state of each row it was computed for, with its graph: 2 MB more in each step.

Expected: memory-growth
Also: slowdown
"""

import torch
import torch.nn as nn

torch.manual_seed(0)
cell = nn.GRUCell(16, 128)
head = nn.Linear(128, 1)
params = [*cell.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(params, lr=1e-3)
seen = {}
for step in range(350):
    seq = torch.randn(64, 12, 16)
    target = seq[..., 0].sum(1, keepdim=True)
    h = torch.zeros(64, 128)
    for t in range(12):
        h = cell(seq[:, t], h)
    seen[step] = h
    loss = nn.functional.mse_loss(head(h), target)
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
    if step % 10 == 0:
        print(f"step: {step} loss: {loss.item():.4f}")
