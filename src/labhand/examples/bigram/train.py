"""A neural language model of two characters of context in numpy, on text that ships with Python.

`--warmup` is parsed and never used: a mistake left in on purpose, for `labhand check` to find.
"""

import argparse
from pydoc_data.topics import topics

import numpy as np


def softmax(logits):
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--warmup", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="out")
    args = parser.parse_args()

    log = open(f"{args.out}/log.csv", "w")
    log.write("step,train_loss,val_loss\n")

    text = "".join(topics[name] for name in sorted(topics))[:200_000]
    characters = sorted(set(text))
    code = {c: i for i, c in enumerate(characters)}
    ids = np.array([code[c] for c in text])
    x, y = np.stack([ids[:-2], ids[1:-1]], axis=1), ids[2:]
    cut = int(0.9 * len(x))
    held_out = np.arange(cut, len(x))[:2000]

    random = np.random.default_rng(args.seed)
    k, w = len(characters), args.width
    embedding = random.normal(0, 0.1, (2, k, w))
    head = random.normal(0, 0.1, (w, k))

    def loss_of(rows):
        hidden = np.tanh(embedding[0][x[rows, 0]] + embedding[1][x[rows, 1]])
        p = softmax(hidden @ head)
        return -np.log(p[np.arange(len(rows)), y[rows]]).mean(), hidden, p

    for step in range(args.steps + 1):
        rows = random.integers(0, cut, args.batch_size)
        loss, hidden, p = loss_of(rows)
        p[np.arange(len(rows)), y[rows]] -= 1
        p /= len(rows)
        back = (p @ head.T) * (1 - hidden**2)
        head -= args.lr * hidden.T @ p
        for position in (0, 1):
            np.subtract.at(embedding[position], x[rows, position], args.lr * back)
        if step % 20 == 0:
            val_loss = loss_of(held_out)[0]
            log.write(f"{step},{loss:.6f},{val_loss:.6f}\n")
            log.flush()
            print(f"step {step}: train loss {loss:.4f}, val loss {val_loss:.4f}", flush=True)
    np.savez(f"{args.out}/model.npz", embedding=embedding, head=head)


if __name__ == "__main__":
    main()
