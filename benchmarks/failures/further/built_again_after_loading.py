"""Resuming loads the checkpoint and then calls `setup()`, which builds the model anew.

Expected: checkpoint-not-loaded
Before: --epochs 8
Arguments: --epochs 16 --resume
Also: too-good
"""

import argparse
from pathlib import Path

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=8)
parser.add_argument("--resume", action="store_true")
args = parser.parse_args()
torch.manual_seed(args.epochs)
g = torch.Generator().manual_seed(0)
W = torch.randn(10, 10, generator=g)
X = torch.randn(2500, 10, generator=g)
Y = torch.tanh(X @ W) + 0.05 * torch.randn(2500, 10, generator=g)


class Experiment:
    def __init__(self):
        self.epoch = 0
        self.setup()

    def setup(self):
        self.model = nn.Sequential(nn.Linear(10, 64), nn.Tanh(), nn.Linear(64, 10))
        self.optim = torch.optim.Adam(self.model.parameters(), lr=2e-3)

    def load(self, path):
        state = torch.load(path)
        self.model.load_state_dict(state["model"])
        self.optim.load_state_dict(state["optim"])
        self.epoch = state["epoch"]
        self.setup()

    def save(self, path):
        torch.save(
            {
                "model": self.model.state_dict(),
                "optim": self.optim.state_dict(),
                "epoch": self.epoch,
            },
            path,
        )

    def run(self, epochs):
        while self.epoch < epochs:
            for idx in torch.randperm(2000).split(50):
                self.optim.zero_grad()
                loss = nn.functional.mse_loss(self.model(X[idx]), Y[idx])
                loss.backward()
                self.optim.step()
            with torch.no_grad():
                val = nn.functional.mse_loss(self.model(X[2000:]), Y[2000:])
            self.epoch += 1
            print(f"epoch {self.epoch} loss {loss.item():.5f} val_loss {val.item():.5f}")
            self.save("state.pt")


experiment = Experiment()
if args.resume and Path("state.pt").exists():
    experiment.load("state.pt")
    print(f"resumed from epoch {experiment.epoch}")
experiment.run(args.epochs)
