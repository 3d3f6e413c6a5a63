"""Views of a row agree with those of a slow copy of the network, which gets no gradient.

Expected: nothing
"""

from copy import deepcopy

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
online = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 16))
guess = nn.Linear(16, 16)
target = deepcopy(online).requires_grad_(False)
optimizer = torch.optim.Adam([*online.parameters(), *guess.parameters()], 1e-3)
mixing = torch.randn(6, 20)
for step in range(500):
    x = torch.randn(64, 6) @ mixing
    a, b = x + 0.5 * torch.randn_like(x), x + 0.5 * torch.randn_like(x)
    with torch.no_grad():
        aim = F.normalize(target(b), dim=1)
    loss = 2 - 2 * (F.normalize(guess(online(a)), dim=1) * aim).sum(1).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(target.parameters(), online.parameters(), strict=True):
            slow.lerp_(fast, 0.01)
    if step % 5 == 0:
        print({"step": step, "byol_loss": round(loss.item(), 5)})
