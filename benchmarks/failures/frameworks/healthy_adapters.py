"""Adapters of low rank whose second factor begins at zero, on a frozen network, in bfloat16 by autocast.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)


class Adapted(nn.Module):
    def __init__(self, inside, out):
        super().__init__()
        self.base = nn.Linear(inside, out).requires_grad_(False)
        self.down = nn.Linear(inside, 4, bias=False)
        self.up = nn.Linear(4, out, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x):
        return self.base(x) + self.up(self.down(x))


x = torch.randn(2000, 32)
y = (x @ torch.randn(32, 6)).argmax(1)
model = nn.Sequential(Adapted(32, 96), nn.GELU(), Adapted(96, 96), nn.GELU(), Adapted(96, 6))
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 3e-3)
for step in range(500):
    rows = torch.randint(1800, (40,))
    with torch.autocast("cpu", torch.bfloat16):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step} loss {loss.item():.4f}")
    if step % 100 == 99:
        with torch.no_grad():
            held = nn.functional.cross_entropy(model(x[1800:]), y[1800:])
        print(f"step {step} val_loss {held.item():.4f}")
