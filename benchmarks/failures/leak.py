"""Noisy two-class data, at best 85 % right; `--split leak` takes the validation rows from the training.

Expected: too-good
Before: --seed 1
Before: --seed 2
Before: --seed 3
Before: --seed 4
Arguments: --seed 5 --split leak
"""

import argparse

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--split", choices=["held-out", "leak"], default="held-out")
args = parser.parse_args()

torch.manual_seed(0)
x = torch.randn(700, 60)
y = (x[:, 0] + x[:, 1] > 0).long() ^ (torch.rand(700) < 0.15).long()
torch.manual_seed(args.seed)
train = torch.arange(400)
validation = torch.arange(400, 700) if args.split == "held-out" else torch.arange(100, 400)
model = nn.Sequential(nn.Linear(60, 256), nn.ReLU(), nn.Linear(256, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(30):
    for rows in train[torch.randperm(len(train))].split(32):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        accuracy = (model(x[validation]).argmax(1) == y[validation]).float().mean().item()
    print(f"epoch {epoch} train_loss {loss.item():.4f} val_accuracy {accuracy:.4f}")
