"""`--resume` looks for the checkpoint in another folder than it was saved in, finds none, and says nothing.

Expected: checkpoint-not-loaded
Before: --epochs 10
Arguments: --epochs 20 --resume
Also: too-good
"""

import argparse
import os

import torch
from sklearn.datasets import load_digits
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--resume", action="store_true")
args = parser.parse_args()
d = load_digits()
X, y = torch.tensor(d.data, dtype=torch.float32) / 16, torch.tensor(d.target)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
start_epoch = 0
if args.resume and os.path.isfile("checkpoint/last.pth"):
    state = torch.load("checkpoint/last.pth")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    start_epoch = state["epoch"] + 1
os.makedirs("checkpoints", exist_ok=True)
for epoch in range(start_epoch, args.epochs):
    losses = []
    for chunk in torch.randperm(1400).split(50):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(X[chunk]), y[chunk])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        acc = (model(X[1400:]).argmax(1) == y[1400:]).float().mean().item()
    print(f"epoch {epoch}: loss={sum(losses) / len(losses):.4f} val_acc={acc:.4f}")
    torch.save(
        {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch},
        "checkpoints/last.pth",
    )
