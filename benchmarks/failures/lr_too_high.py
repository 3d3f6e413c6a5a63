"""Digits with plain SGD and lr 30, from the start.

Expected: diverged or not-learning at step 0+60, says learning rate
Also: dead-units, exploding-gradient, loss-floor, validation-at-chance
Fast
"""

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, held_out, truth = digits()
model = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=30.0)
for epoch in range(60):
    total, batches = 0.0, torch.randperm(len(x)).split(64)
    for rows in batches:
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        accuracy = (model(held_out).argmax(1) == truth).float().mean().item()
    print(f"epoch {epoch}: loss {total / len(batches):.3f} val_accuracy {accuracy:.3f}")
