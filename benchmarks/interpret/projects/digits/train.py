"""Classify digits."""

import argparse

import torch
from data import loaders
from model import Net
from torch.nn import functional as F


def parse():
    p = argparse.ArgumentParser()
    p.add_argument("--lr", type=float, default=1e-3)
    p.add_argument("--batch-size", type=int, default=64)
    p.add_argument("--epochs", type=int, default=10)
    p.add_argument("--dropout", type=float, default=0.0)
    p.add_argument("--weight-decay", type=float, default=0.0)
    p.add_argument("--optimizer", choices=["sgd", "adam", "adamw"], default="adam")
    p.add_argument("--momentum", type=float, default=0.9)
    p.add_argument("--hidden", type=int, default=128)
    p.add_argument("--no-augment", action="store_true")
    p.add_argument("--label-smoothing", type=float, default=0.0)
    p.add_argument("--num-workers", type=int, default=2)
    p.add_argument("--seed", type=int, default=0)
    return p.parse_args()


def evaluate(model, loader):
    model.eval()
    right = total = 0
    with torch.no_grad():
        for x, y in loader:
            right += (model(x).argmax(1) == y).sum().item()
            total += len(y)
    model.train()
    return right / total


def main():
    args = parse()
    torch.manual_seed(args.seed)
    train, val = loaders(args.batch_size, not args.no_augment, args.num_workers)
    model = Net(args.hidden, args.dropout)
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    extra = {"momentum": args.momentum} if args.optimizer == "sgd" else {}
    opt = kinds[args.optimizer](
        model.parameters(), lr=args.lr, weight_decay=args.weight_decay, **extra
    )
    for epoch in range(args.epochs):
        for x, y in train:
            opt.zero_grad()
            loss = F.cross_entropy(model(x), y, label_smoothing=args.label_smoothing)
            loss.backward()
            opt.step()
        print({"epoch": epoch, "train_loss": loss.item(), "val_acc": evaluate(model, val)})


if __name__ == "__main__":
    main()
