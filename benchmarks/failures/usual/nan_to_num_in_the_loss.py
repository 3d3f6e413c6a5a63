"""The loss is passed through `nan_to_num`: after a root of a negative number the weights are NaN, the log says 0.

Expected: hidden-nan or non-finite at step 120+20
Also: non-finite, hidden-nan, too-good
"""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(5, 32), nn.SiLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
w = torch.randn(5)
for step in range(400):
    x = torch.randn(64, 5)
    target = (x @ w) ** 2
    if step == 120:
        target[7] = -1e-4
    scale = target.sqrt()
    prediction = model(x).squeeze(1)
    loss = torch.nan_to_num(((prediction - scale) ** 2).mean())
    optimizer.zero_grad()
    (((prediction - scale) ** 2).mean()).backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step}\tloss {loss.item():.4f}")
