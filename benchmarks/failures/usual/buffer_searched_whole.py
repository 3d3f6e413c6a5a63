"""Prioritised replay in a plain list: each update sums and sorts all that was ever seen, and takes longer and longer.

Expected: slowdown
Also: input-bound
"""

import random

import torch
from torch import nn

random.seed(0)
torch.manual_seed(0)
q = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(q.parameters(), lr=1e-3)
memory = []
state = torch.zeros(3)
for step in range(700):
    for _ in range(12):
        action = random.randrange(2)
        following = (0.8 * state + 0.3 * torch.randn(3) + 0.2 * (action - 0.5)).clamp(-2, 2)
        reward = -float(following[0].abs())
        memory.append((random.random(), state, action, reward, following))
        state = following
    total = sum(entry[0] for entry in memory)
    ranked = sorted(memory, key=lambda entry: -entry[0] / total)
    if len(ranked) < 64:
        continue
    batch = random.sample(ranked[: max(64, len(ranked) // 2)], 32)
    s = torch.stack([b[1] for b in batch])
    a = torch.tensor([b[2] for b in batch])
    r = torch.tensor([b[3] for b in batch])
    n = torch.stack([b[4] for b in batch])
    with torch.no_grad():
        target = r + 0.9 * q(n).max(1).values
    loss = nn.functional.smooth_l1_loss(q(s).gather(1, a[:, None]).squeeze(1), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step} td_loss {loss.item():.4f}", flush=True)
