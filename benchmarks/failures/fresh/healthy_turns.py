"""Two tasks take turns: in each step one of the heads gets no gradient.

Expected: nothing
"""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
body, heads = (
    nn.Sequential(nn.Linear(10, 48), nn.ReLU()),
    nn.ModuleList([nn.Linear(48, 3), nn.Linear(48, 1)]),
)
optimizer = torch.optim.Adam([*body.parameters(), *heads.parameters()], 2e-3)
rule = torch.randn(10, 3)
for step in range(600):
    x = torch.randn(32, 10)
    if step % 2:
        loss = F.mse_loss(heads[1](body(x)), (x[:, :1] * x[:, 1:2]).tanh())
    else:
        loss = F.cross_entropy(heads[0](body(x)), (x @ rule).argmax(1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 < 2:
        print(f"step {step} {('ce_loss', 'mse_loss')[step % 2]} {loss.item():.4f}")
