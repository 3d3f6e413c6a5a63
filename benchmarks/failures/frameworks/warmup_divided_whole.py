"""The warm-up divides whole numbers: for a thousand steps the rate is 0, and the run has six hundred.

Expected: learning-rate-exhausted or weights-unchanged at step 0±20
Also: not-learning, loss-floor
"""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(3000, 1, 16)
y = (x[:, 0, :8].sum(1) > x[:, 0, 8:].sum(1)).long()
model = nn.Sequential(nn.Conv1d(1, 12, 5), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(72, 2))  # fmt: skip
optimizer = torch.optim.Adam(model.parameters(), 3e-3)
warm_up = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, step // 1000))
for step in range(600):
    rows = torch.randint(3000, (64,))
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    warm_up.step()
    if step % 20 == 19:
        print(f"{step + 1} | loss {loss.item():.4f} | lr {warm_up.get_last_lr()[0]:.1e}")
