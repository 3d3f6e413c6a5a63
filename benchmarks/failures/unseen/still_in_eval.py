"""A conv net with batch norm and dropout; after the first validation nobody calls train() again.

Expected: train-eval-mismatch
"""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(1500, 1, 12, 12)
y = (x[:, 0, :6].mean((1, 2)) > x[:, 0, 6:].mean((1, 2))).long()
model = nn.Sequential(
    nn.Conv2d(1, 8, 3),
    nn.BatchNorm2d(8),
    nn.ReLU(),
    nn.Flatten(),
    nn.Dropout(0.3),
    nn.Linear(800, 2),
)
optimizer = torch.optim.SGD(model.parameters(), 0.02, momentum=0.9)
model.train()
for epoch in range(15):
    for rows in torch.randperm(1200).split(40):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        right = (model(x[1200:]).argmax(1) == y[1200:]).float().mean().item()
    print(f"Epoch: {epoch} | Train Loss: {loss.item():.3f} | Val Acc: {right:.3f}")
