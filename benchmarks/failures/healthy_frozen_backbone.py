"""Digits on random features that are frozen on purpose: the optimizer was given the head alone.

Expected: nothing
Fast
"""

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, held_out, truth = digits()
backbone = nn.Sequential(nn.Linear(64, 256), nn.ReLU())
for parameter in backbone.parameters():
    parameter.requires_grad_(False)
head = nn.Linear(256, 10)
model = nn.Sequential(backbone, head)
optimizer = torch.optim.Adam(head.parameters(), lr=1e-2)
for epoch in range(30):
    for rows in torch.randperm(len(x)).split(32):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        accuracy = (model(held_out).argmax(1) == truth).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} val_accuracy {accuracy:.4f}")
