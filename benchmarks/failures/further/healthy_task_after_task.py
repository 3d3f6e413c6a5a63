"""Two tasks one after the other: for the second a new head is made and added to the optimizer, the old one rests.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
trunk = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
heads = nn.ModuleDict({"first": nn.Linear(64, 4)})
optimizer = torch.optim.Adam([*trunk.parameters(), *heads["first"].parameters()], lr=1e-3)
step = 0
for name, classes in (("first", 4), ("second", 6)):
    centres = torch.randn(classes, 16)
    if name not in heads:
        heads[name] = nn.Linear(64, classes)
        optimizer.add_param_group({"params": heads[name].parameters()})
    yv = torch.randint(0, classes, (300,))
    xv = centres[yv] + torch.randn(300, 16)
    for _ in range(250):
        y = torch.randint(0, classes, (40,))
        loss = nn.functional.cross_entropy(heads[name](trunk(centres[y] + torch.randn(40, 16))), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        if step % 25 == 0:
            with torch.no_grad():
                acc = (heads[name](trunk(xv)).argmax(1) == yv).float().mean().item()
            print(f"task {name} step {step} loss {loss.item():.4f} val_acc {acc:.3f}")
