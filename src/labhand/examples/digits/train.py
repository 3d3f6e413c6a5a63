"""Handwritten digits (scikit-learn's bundled 1,797 images), a PyTorch MLP.

`--dropout` is parsed and never used: a mistake left in on purpose, for `labhand check` to find.
"""

import argparse
import csv

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn


def batches(x, y, size, generator):
    order = torch.randperm(len(x), generator=generator)
    for start in range(0, len(x), size):
        rows = order[start : start + size]
        yield x[rows], y[rows]


@torch.no_grad()
def evaluate(model, x, y):
    model.eval()
    logits = model(x)
    model.train()
    return nn.functional.cross_entropy(logits, y).item(), (logits.argmax(1) == y).float().mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="out")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(args.seed)

    data = load_digits()
    x = torch.tensor(data.data / 16.0, dtype=torch.float32)
    y = torch.tensor(data.target)
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(x)))
    train, held_out = order[:1400], order[1400:]

    model = nn.Sequential(
        nn.Linear(64, args.hidden), nn.ReLU(), nn.Linear(args.hidden, args.hidden), nn.ReLU(),
        nn.Linear(args.hidden, 10),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)

    with open(f"{args.out}/log.csv", "w", newline="") as file:
        log = csv.writer(file)
        log.writerow(["epoch", "train_loss", "val_loss", "val_accuracy"])
        for epoch in range(1, args.epochs + 1):
            total = 0.0
            for images, labels in batches(x[train], y[train], args.batch_size, generator):
                loss = nn.functional.cross_entropy(model(images), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item() * len(images)
            val_loss, accuracy = evaluate(model, x[held_out], y[held_out])
            row = [total / len(train), val_loss, accuracy]
            log.writerow([epoch, *row])
            file.flush()
            print(f"epoch {epoch}/{args.epochs}: train loss {row[0]:.4f}, val loss {row[1]:.4f}, val accuracy {row[2]:.4f}")
    torch.save(model.state_dict(), f"{args.out}/model.pt")


if __name__ == "__main__":
    main()
