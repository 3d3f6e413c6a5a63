"""Reptile on sine waves: an inner copy is trained for five steps by its own optimizer, the outer weights move by hand.

Expected: nothing
"""

import copy

import torch
from torch import nn

torch.manual_seed(0)
outer = nn.Sequential(nn.Linear(1, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 1))


def task():
    amp, phase = 0.5 + 2 * torch.rand(1), 3.14 * torch.rand(1)

    def draw(n):
        x = 10 * torch.rand(n, 1) - 5
        return x, amp * torch.sin(x + phase)

    return draw


recent = []
for it in range(200):
    draw = task()
    inner = copy.deepcopy(outer)
    optimizer = torch.optim.SGD(inner.parameters(), lr=0.02)
    for _ in range(5):
        x, y = draw(20)
        loss = nn.functional.mse_loss(inner(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        for p, q in zip(outer.parameters(), inner.parameters(), strict=False):
            p.add_(0.2 * (1 - it / 200) * (q - p))
        x, y = draw(50)
        recent.append(nn.functional.mse_loss(inner(x), y).item())
    if it % 10 == 9:
        print(f"iteration {it} adapted_loss {sum(recent[-10:]) / 10:.4f}")
