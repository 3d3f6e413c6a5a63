"""A checkpoint of a compiled model, keys beginning with `_orig_mod.`, is loaded with strict=False.

Expected: checkpoint-not-loaded, says _orig_mod.
"""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(1000, 24)
y = (x[:, :4].prod(1) > 0).long()


def build():
    return nn.Sequential(nn.Linear(24, 96), nn.SiLU(), nn.Linear(96, 2))


trained = {f"_orig_mod.{name}": value for name, value in build().state_dict().items()}
torch.save({"model": trained, "step": 100}, "last.pt")
model = build()
model.load_state_dict(torch.load("last.pt")["model"], strict=False)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(500):
    rows = torch.randint(1000, (40,))
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"[{step}] loss {loss.item():.4f}")
