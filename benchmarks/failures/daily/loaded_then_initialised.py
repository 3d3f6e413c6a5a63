"""Fine-tuning: the checkpoint is loaded, and then `model.apply(init_weights)` runs, which stood further up before.

Expected: checkpoint-not-loaded
Before: pretrain
Arguments: tune
"""

import sys

import torch
from torch import nn

torch.manual_seed(0)
task = torch.randn(20, 6)


def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


def build():
    return nn.Sequential(
        nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 6)
    )


model, tune = build(), sys.argv[1] == "tune"
if tune:
    model.load_state_dict(torch.load("base.pt"))
model.apply(init_weights)
x = torch.randn(1500, 20)
y = (x @ task).argmax(1)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3 if not tune else 2e-4)
for epoch in range(8):
    total = 0.0
    for rows in torch.randperm(1500).split(50):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / 30
    print(f"epoch {epoch}: loss {total:.4f}")
if not tune:
    torch.save(model.state_dict(), "base.pt")
