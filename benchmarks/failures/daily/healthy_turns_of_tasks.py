"""Three tasks take turns: in each step one head and the trunk are trained, the other heads rest.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
trunk = nn.Sequential(nn.Linear(18, 64), nn.ReLU())
heads = nn.ModuleList([nn.Linear(64, 4) for _ in range(3)])
model = nn.ModuleDict({"trunk": trunk, "heads": heads})
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
ways = torch.randn(3, 18, 4)
for step in range(450):
    task = int(torch.multinomial(torch.tensor([0.6, 0.3, 0.1]), 1))
    x = torch.randn(48, 18)
    y = (x @ ways[task]).argmax(1)
    loss = nn.functional.cross_entropy(heads[task](trunk(x)), y)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    if step % 15 == 0:
        print(f"step {step} task {task} loss {loss.item():.4f}")
