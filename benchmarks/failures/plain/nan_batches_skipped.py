"""A guard skips batches whose loss is NaN; from step 60 on the weights are NaN, and every batch is skipped.

Expected: non-finite or hidden-nan or stalled at step 61±4
Also: not-learning, validation-at-chance, hidden-nan, stalled, weights-unchanged, diverged
"""

import torch
from torch import nn

torch.manual_seed(4)
true = torch.randn(6, 1)
model = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
val_x = torch.randn(256, 6)
val_y = val_x @ true
skipped = 0
for it in range(400):
    x = torch.randn(48, 6)
    distance = (x @ true - model(x)).abs()
    if it == 60:
        distance = distance * (torch.arange(48) > 0).float().unsqueeze(1)  # a pair that is the same
    loss = distance.sqrt().mean()
    if torch.isnan(loss):
        skipped += 1
        continue
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 10 == 0:
        with torch.no_grad():
            val = (model(val_x) - val_y).square().mean().item()
        print(f"iter {it} loss {loss.item():.4f} val_mse {val:.4f} skipped {skipped}")
print("done, skipped", skipped)
