"""Digits, fine-tuned: body and head are loaded from a checkpoint on the first five classes, to the letter.

Expected: nothing
Before: --pretrain
"""

import sys

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, held_out, truth = digits()
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
pretrain = "--pretrain" in sys.argv
if pretrain:
    x, y = x[y < 5], y[y < 5]
else:
    model.load_state_dict(torch.load("pretrained.pt"))
optimizer = torch.optim.SGD(model.parameters(), lr=0.2 if pretrain else 0.05)
for epoch in range(40):
    for rows in torch.randperm(len(x)).split(50):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        validation = nn.functional.cross_entropy(model(held_out), truth).item()
    print(f"epoch {epoch} loss {loss.item():.4f} val_loss {validation:.4f}")
if pretrain:
    torch.save(model.state_dict(), "pretrained.pt")
