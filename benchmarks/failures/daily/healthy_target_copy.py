"""Self-distillation of two views with a predictor and a target that follows slowly; targets are whitened, so nothing collapses.

Expected: nothing
"""

import copy

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
kinds = torch.randn(8, 24)
X = kinds[torch.randint(0, 8, (1500,))] + 0.4 * torch.randn(1500, 24)
online = nn.Sequential(
    nn.Linear(24, 48),
    nn.BatchNorm1d(48),
    nn.ReLU(),
    nn.Linear(48, 12),
    nn.BatchNorm1d(12, affine=False),
)
predictor = nn.Linear(12, 12)
target = copy.deepcopy(online).requires_grad_(False)
optimizer = torch.optim.Adam([*online.parameters(), *predictor.parameters()], lr=1e-3)
for step in range(350):
    rows = torch.randint(0, 1500, (64,))
    a, b = X[rows] + 0.3 * torch.randn(64, 24), X[rows] + 0.3 * torch.randn(64, 24)
    with torch.no_grad():
        aim = target(b)
    loss = 2 - 2 * F.cosine_similarity(predictor(online(a)), aim).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for t, o in zip(target.parameters(), online.parameters(), strict=False):
            t.lerp_(o, 0.02)
    if step % 10 == 0:
        print(f"step {step} loss {loss.item():.4f}")
