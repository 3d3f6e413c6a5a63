"""Sixteen rows at a time, the gradients of four make a step, autocast to bfloat16 on the CPU, norm clipped to 1.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(1600, 20)
y = (torch.relu(x @ torch.randn(20, 24)) @ torch.randn(24, 5)).argmax(1)
net = nn.Sequential(nn.Linear(20, 96), nn.LayerNorm(96), nn.GELU(), nn.Linear(96, 5))
optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.01)
for epoch in range(6):
    total = 0.0
    for i, rows in enumerate(torch.randperm(1408).split(16)):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows]) / 4
        loss.backward()
        total += loss.item() * 4 / 88
        if (i + 1) % 4 == 0:
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
    with torch.no_grad():
        acc = (net(x[1408:]).argmax(1) == y[1408:]).float().mean().item()
    print(f"epoch {epoch} loss {total:.4f} val_acc {acc:.4f}")
