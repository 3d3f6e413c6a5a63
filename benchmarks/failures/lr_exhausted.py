"""Digits; StepLR counts in epochs and is stepped once a batch: the rate is gone in the fifth epoch.

Expected: learning-rate-exhausted at step 90+120
Also: not-learning, weights-unchanged
"""

import torch
from data import digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y, held_out, truth = digits()
loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=30, gamma=0.1)
for epoch in range(60):
    for images, labels in loader:
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    with torch.no_grad():
        validation = nn.functional.cross_entropy(model(held_out), truth).item()
    print(f"epoch {epoch} train_loss {loss.item():.4f} val_loss {validation:.4f}")
