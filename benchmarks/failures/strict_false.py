"""Digits, fine-tuned; the keys of the checkpoint begin with `module.`, and `strict=False` hides it.

Expected: checkpoint-not-loaded
Before: --pretrain
"""

import sys

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, held_out, truth = digits()
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))  # fmt: skip
pretrain = "--pretrain" in sys.argv
if not pretrain:
    model.load_state_dict(torch.load("pretrained.pt"), strict=False)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1 if pretrain else 0.01)
for epoch in range(30):
    for rows in torch.randperm(len(x)).split(50):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        accuracy = (model(held_out).argmax(1) == truth).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} val_accuracy {accuracy:.4f}")
if pretrain:
    torch.save({f"module.{k}": v for k, v in model.state_dict().items()}, "pretrained.pt")
