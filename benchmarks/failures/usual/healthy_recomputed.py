"""Activations are recomputed in the backward pass by `torch.utils.checkpoint`: every block runs forward twice.

Expected: nothing
"""

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

torch.manual_seed(0)


class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm = nn.LayerNorm(d)
        self.ff = nn.Sequential(
            nn.Linear(d, 2 * d), nn.GELU(), nn.Dropout(0.1), nn.Linear(2 * d, d)
        )

    def forward(self, x):
        return x + self.ff(self.norm(x))


class Deep(nn.Module):
    def __init__(self, d=32, depth=8):
        super().__init__()
        self.inp = nn.Linear(12, d)
        self.blocks = nn.ModuleList([Block(d) for _ in range(depth)])
        self.out = nn.Linear(d, 1)

    def forward(self, x):
        x = self.inp(x)
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=False)
        return self.out(x)


model = Deep()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
X = torch.randn(1500, 12)
Y = (X[:, :1] * X[:, 1:2] + X[:, 2:3].sin()) + 0.1 * torch.randn(1500, 1)
for epoch in range(10):
    model.train()
    for idx in torch.randperm(1200).split(40):
        loss = nn.functional.mse_loss(model(X[idx]), Y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        v = nn.functional.mse_loss(model(X[1200:]), Y[1200:]).item()
    print(f"epoch {epoch} loss {loss.item():.4f} val_loss {v:.4f}")
