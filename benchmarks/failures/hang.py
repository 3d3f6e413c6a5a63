"""Digits; a thread prepares batches, dies at the 60th, and the training waits for it for ever.
It prints each tenth step, so a log alone cannot tell the step better than by ten.

Expected: stalled at step 59±10, says get
Stop: after 240 s
"""

import queue
import threading

import torch
from data import digits
from torch import nn


def prepare(x, y, ready):
    for number in range(400):
        if number == 60:
            return
        rows = torch.randint(len(x), (64,))
        ready.put((x[rows], y[rows]))


torch.manual_seed(0)
x, y, _, _ = digits()
ready = queue.Queue(maxsize=4)
threading.Thread(target=prepare, args=(x, y, ready), daemon=True).start()
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(400):
    images, labels = ready.get()
    loss = nn.functional.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step} loss {loss.item():.4f}", flush=True)
