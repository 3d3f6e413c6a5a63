"""Digits two at a time: the loss of a step says next to nothing, and all is well.

Expected: nothing
Fast
"""

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, held_out, truth = digits()
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
step = 0
for _ in range(3):
    for rows in torch.randperm(len(x)).split(2):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        if step % 5 == 0:
            print(f"step {step} loss {loss.item():.4f}")
    with torch.no_grad():
        accuracy = (model(held_out).argmax(1) == truth).float().mean().item()
    print(f"step {step} val_accuracy {accuracy:.4f}")
