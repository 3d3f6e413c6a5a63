"""Fine-tuning: the head is replaced after the optimizer was built, and the backbone is frozen, so nothing moves.

Expected: weights-unchanged or frozen-parameters or not-learning
Also: weights-unchanged, frozen-parameters, not-learning, validation-at-chance
"""

import argparse

import torch
from sklearn.datasets import load_digits
from torch import nn

ap = argparse.ArgumentParser()
ap.add_argument("--lr", type=float, default=1e-3)
ap.add_argument("--epochs", type=int, default=25)
args = ap.parse_args()


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU())
        self.head = nn.Linear(64, classes)

    def forward(self, x):
        return self.head(self.backbone(x))


def main():
    torch.manual_seed(7)
    X, y = load_digits(return_X_y=True)
    X, y = torch.tensor(X, dtype=torch.float32) / 16, torch.tensor(y)
    net = Net(1000)
    for p in net.backbone.parameters():
        p.requires_grad_(False)
    optimizer = torch.optim.AdamW(
        [p for p in net.parameters() if p.requires_grad], lr=args.lr, weight_decay=0.0
    )
    net.head = nn.Linear(64, 10)
    for epoch in range(args.epochs):
        running = []
        for idx in torch.randperm(1500).split(50):
            loss = nn.functional.cross_entropy(net(X[idx]), y[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running.append(loss.item())
        with torch.no_grad():
            acc = (net(X[1500:]).argmax(-1) == y[1500:]).float().mean().item()
        print(
            {
                "epoch": epoch,
                "train_loss": round(sum(running) / len(running), 4),
                "val_acc": round(acc, 4),
            }
        )


main()
