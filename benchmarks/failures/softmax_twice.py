"""Digits; the model ends in a softmax, and the loss takes another one: it cannot fall below 1.461.

Expected: loss-floor, says softmax
"""

import torch
from data import digits
from torch import nn

torch.manual_seed(0)
x, y, held_out, truth = digits()
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10), nn.Softmax(dim=1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(60):
    for rows in torch.randperm(len(x)).split(64):
        loss = criterion(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        probabilities = model(held_out)
    accuracy = (probabilities.argmax(1) == truth).float().mean().item()
    print(f"epoch {epoch}: loss {loss.item():.4f} val_loss {criterion(probabilities, truth).item():.4f} val_acc {accuracy:.4f}")  # fmt: skip
