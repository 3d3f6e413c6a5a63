"""Train skip-gram embeddings.

Usage:
  w2v.py <corpus> [options]
  w2v.py (-h | --help)

Options:
  -o FILE --output=FILE   Where to write vectors [default: vec.npy].
  -d N --dim=N            Embedding size [default: 100].
  -w N --window=N         Context window [default: 5].
  -n N --negative=N       Negative samples [default: 5].
  --min-count=N           Drop rarer words [default: 5].
  --subsample=T           Frequent word threshold [default: 1e-4].
  --alpha=LR              Initial learning rate [default: 0.025].
  --min-alpha=LR          Final learning rate [default: 0.0001].
  -e N --epochs=N         Passes over corpus [default: 5].
  --power=P               Unigram exponent [default: 0.75].
  --cbow                  Use CBOW instead.
  --seed=N                Random seed [default: 1].
"""
from collections import Counter
from docopt import docopt
import numpy as np

def sigmoid(x):
    return 1 / (1 + np.exp(-np.clip(x, -10, 10)))

def main(a):
    rng = np.random.default_rng(int(a["--seed"]))
    words = open(a["<corpus>"]).read().split()
    cnt = {w: c for w, c in Counter(words).items() if c >= int(a["--min-count"])}
    vocab = {w: i for i, w in enumerate(cnt)}
    freq = np.array(list(cnt.values()), float)
    keep = np.minimum(1, np.sqrt(float(a["--subsample"]) * freq.sum() / freq))
    ids = [vocab[w] for w in words if w in vocab]
    p = freq ** float(a["--power"]); p /= p.sum()
    D, W, K = int(a["--dim"]), int(a["--window"]), int(a["--negative"])
    U, V = (rng.random((len(vocab), D)) - .5) / D, np.zeros((len(vocab), D))
    lr0, lr1, E = float(a["--alpha"]), float(a["--min-alpha"]), int(a["--epochs"])
    for ep in range(E):
        lr = lr0 + (lr1 - lr0) * ep / E
        s = [i for i in ids if rng.random() < keep[i]]
        for t, c in enumerate(s):
            b = rng.integers(1, W + 1)
            ctx = s[max(0, t - b):t] + s[t + 1:t + b + 1]
            srcs = [ctx] if a["--cbow"] and ctx else [[o] for o in ctx]
            for src in srcs:
                h = U[src].mean(0)
                tgt = np.r_[c, rng.choice(len(p), K, p=p)]
                g = lr * (np.r_[1, np.zeros(K)] - sigmoid(V[tgt] @ h))
                U[src] += g @ V[tgt]; V[tgt] += np.outer(g, h)
    np.save(a["--output"], U)

if __name__ == "__main__":
    main(docopt(__doc__))
