"""`running_loss += loss` instead of `loss.item()`, over one long epoch: every step's graph is kept, 3 MB each.

Expected: memory-growth
Also: slowdown
"""

import torch
from torch import nn

torch.manual_seed(24)
model = nn.Sequential(
    nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 4)
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
true = torch.randn(64, 4)
running_loss = 0.0
for i in range(500):
    inputs = torch.randn(512, 64)
    labels = (inputs @ true).argmax(1)
    outputs = model(inputs)
    loss = nn.functional.cross_entropy(outputs, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    running_loss += nn.functional.cross_entropy(model(inputs), labels)
    if i % 20 == 19:
        print(f"[{i + 1:5d}] loss: {running_loss.item() / (i + 1):.3f}")
