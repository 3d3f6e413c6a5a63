"""A wide network learns 120 noisy rows by heart while the validation loss climbs.

Expected: overfitting
"""

import torch
from torch import nn

torch.manual_seed(3)
x = torch.randn(520, 40)
y = ((x[:, 0] > 0).long() + (torch.rand(520) < 0.3).long()) % 2
model = nn.Sequential(
    nn.Linear(40, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 2)
)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-4)
for epoch in range(50):
    model.train()
    total = 0.0
    for rows in torch.randperm(120).split(20):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / 6
    model.eval()
    with torch.no_grad():
        held_out = nn.functional.cross_entropy(model(x[120:]), y[120:]).item()
    print(f"Epoch {epoch}: train_loss={total:.4f}, val_loss={held_out:.4f}")
