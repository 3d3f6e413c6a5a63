"""Digits from scratch; `requires_grad = False`, from a fine-tuning script, was left in.

Expected: frozen-parameters, layer backbone
Also: weights-unchanged
Fast
"""

import torch
from data import digits
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten()
        )
        self.head = nn.Linear(8 * 16, 10)

    def forward(self, x):
        return self.head(self.backbone(x))


torch.manual_seed(0)
x, y, held_out, truth = digits()
x, held_out = x.view(-1, 1, 8, 8), held_out.view(-1, 1, 8, 8)
model = Net()
for parameter in model.backbone.parameters():
    parameter.requires_grad = False
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(20):
    for rows in torch.randperm(len(x)).split(32):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        accuracy = (model(held_out).argmax(1) == truth).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} val_accuracy {accuracy:.4f}")
