"""LoRA by parametrisation on a trained attention block: A is random, B zero, everything else is frozen.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)


class LoRA(nn.Module):
    def __init__(self, base, rank=4):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.A = nn.Parameter(torch.randn(rank, base.in_features) / 8)
        self.B = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x):
        return self.base(x) + x @ self.A.T @ self.B.T


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 16)
        self.out = nn.Linear(16, 3)

    def forward(self, x):
        a = torch.softmax(self.q(x) @ self.k(x).transpose(1, 2) / 4, -1)
        return self.out((a @ self.v(x)).mean(1))


def rows(shift):
    x = torch.randn(64, 6, 16)
    return x, (x.mean(1)[:, shift : shift + 3]).argmax(1)


def train(model, parameters, lr, steps, shift, name):
    optimizer = torch.optim.AdamW(parameters, lr=lr)
    for step in range(steps):
        x, y = rows(shift)
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0:
            print(f"{name} step {step} loss {loss.item():.4f}")


block = Block()
train(block, block.parameters(), 5e-3, 200, 0, "base")
block.requires_grad_(False)
for part in ("q", "v", "out"):
    setattr(block, part, LoRA(getattr(block, part)))
train(block, [p for p in block.parameters() if p.requires_grad], 1e-2, 250, 5, "lora")
