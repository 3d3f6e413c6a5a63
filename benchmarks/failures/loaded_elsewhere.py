"""Digits, fine-tuned; the checkpoint is loaded into a model that is then built anew.

Expected: checkpoint-not-loaded
Before: --pretrain
"""

import sys

import torch
from data import digits
from torch import nn


class Net(nn.Module):
    def __init__(self, dropout):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(dropout))
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        return self.head(self.body(x))


torch.manual_seed(0)
x, y, held_out, truth = digits()
model = Net(dropout=0.0)
pretrain = "--pretrain" in sys.argv
if not pretrain:
    model.load_state_dict(torch.load("pretrained.pt"))
    model = Net(dropout=0.1)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3 if pretrain else 1e-4)
for epoch in range(30):
    model.train()
    for rows in torch.randperm(len(x)).split(50):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy = (model(held_out).argmax(1) == truth).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} val_accuracy {accuracy:.4f}")
if pretrain:
    torch.save(model.state_dict(), "pretrained.pt")
