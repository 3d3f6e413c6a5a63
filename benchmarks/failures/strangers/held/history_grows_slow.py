"""Each step compares the batch with a queue of all earlier embeddings that is never cut: steps get slower and slower.

Expected: slowdown or memory-growth
Also: slowdown, memory-growth
"""

import time

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X).float() / 16, torch.tensor(y)
enc = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64))
cls = nn.Linear(64, 10)
opt = torch.optim.Adam([*enc.parameters(), *cls.parameters()], 1e-3)
queue, t0 = torch.zeros(0, 64), time.time()
for step in range(600):
    b = torch.randint(0, len(X), (64,))
    h = enc(X[b])
    loss = nn.functional.cross_entropy(cls(h), y[b])
    if len(queue):
        loss = loss + 0.01 * torch.logsumexp(nn.functional.normalize(h) @ queue.T, 1).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    queue = torch.cat([queue, nn.functional.normalize(h.detach())])
    if step % 5 == 0:
        print(f"step {step} loss {loss.item():.4f}", flush=True)
