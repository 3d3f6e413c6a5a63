"""Digits with lr 1e-6 where 1e-1 was meant: it moves, and goes nowhere.

Expected: not-learning
Also: learning-rate-exhausted, weights-unchanged, validation-at-chance, loss-floor
"""

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, held_out, truth = digits()
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
for epoch in range(40):
    for rows in torch.randperm(len(x)).split(32):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        logits = model(held_out)
    validation = nn.functional.cross_entropy(logits, truth).item()
    accuracy = (logits.argmax(1) == truth).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} val_loss {validation:.4f} val_acc {accuracy:.3f}")
