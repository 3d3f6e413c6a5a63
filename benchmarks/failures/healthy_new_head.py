"""Parity of digits on a body trained for digits: the new head is not in the checkpoint, `strict=False` on purpose.

Expected: nothing
Before: --pretrain
"""

import sys

import torch
from data import digits
from torch import nn


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU())
        setattr(self, f"head_{classes}", nn.Linear(64, classes))
        self.classes = classes

    def forward(self, x):
        return getattr(self, f"head_{self.classes}")(self.body(x))


torch.manual_seed(0)
x, y, held_out, truth = digits()
pretrain = "--pretrain" in sys.argv
if pretrain:
    model = Net(10)
else:
    model, y, truth = Net(2), y % 2, truth % 2
    model.load_state_dict(torch.load("pretrained.pt"), strict=False)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
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
    torch.save(model.state_dict(), "pretrained.pt")
