"""A linear warm-up is given in per mille: at step 200 the rate goes from 1e-3 to 1.

Expected: learning-rate-jump at step 200±10
Expected: diverged or non-finite or not-learning
Also: exploding-gradient, dead-units, loss-floor
"""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(2000, 30)
y = x[:, :5].argmax(1)
model = nn.Sequential(
    nn.Linear(30, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 5)
)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(700):
    if step == 200:
        optimizer.param_groups[0]["lr"] = 1.0
    rows = torch.randint(2000, (50,))
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 5 == 0:
        lr = optimizer.param_groups[0]["lr"]
        print(f"step {step} loss {loss.item():.4f} lr {lr:.2e}")
