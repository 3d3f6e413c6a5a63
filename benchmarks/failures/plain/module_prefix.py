"""A checkpoint saved from DataParallel has `module.` before every name; it is loaded with strict=False, and nothing fits.

Expected: checkpoint-not-loaded
Before: --epochs 10
Arguments: --epochs 10 --resume model.pt
Also: not-learning, too-good
"""

import argparse

import torch
from sklearn.datasets import load_digits
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--resume", default="")
args = parser.parse_args()
torch.manual_seed(27)
d = load_digits()
x, y = torch.tensor(d.data, dtype=torch.float32) / 16, torch.tensor(d.target)
model = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 48), nn.ReLU(), nn.Linear(48, 10))
if args.resume:
    model.load_state_dict(torch.load(args.resume, weights_only=True), strict=False)
    print("loaded", args.resume)
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)
for epoch in range(args.epochs):
    for idx in torch.randperm(1400).split(70):
        loss = nn.functional.cross_entropy(model(x[idx]), y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        acc = (model(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} val_acc {acc:.4f}")
torch.save({"module." + k: v for k, v in model.state_dict().items()}, "model.pt")
