"""Digits with an auxiliary head whose features are detached, and so is, by mistake, the main path.

Expected: frozen-parameters, layer encoder
Also: weights-unchanged
"""

import torch
from data import digits
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU())
        self.digit = nn.Linear(96, 10)
        self.parity = nn.Linear(96, 2)

    def forward(self, x):
        features = self.encoder(x).detach()
        return self.digit(features), self.parity(features)


torch.manual_seed(0)
x, y, held_out, truth = digits()
model = Net()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.0)
for epoch in range(40):
    for rows in torch.randperm(len(x)).split(50):
        digit, parity = model(x[rows])
        loss = nn.functional.cross_entropy(digit, y[rows])
        loss = loss + 0.3 * nn.functional.cross_entropy(parity, y[rows] % 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        accuracy = (model(held_out)[0].argmax(1) == truth).float().mean().item()
    print({"epoch": epoch, "loss": loss.item(), "eval_accuracy": accuracy})
