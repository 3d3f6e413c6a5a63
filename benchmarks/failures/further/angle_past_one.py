"""A loss in angles takes `acos` of a cosine that rounding lifts over one, once two vectors agree: at step 150.

Expected: non-finite at step 150, says acos or loss
Also: hidden-nan
"""

import torch
import torch.nn as nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 3))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
rot = torch.linalg.qr(torch.randn(8, 3))[0]
for step in range(400):
    x = torch.randn(64, 8)
    target = nn.functional.normalize(x @ rot, dim=1)
    pred = nn.functional.normalize(net(x), dim=1)
    if step == 150:
        # a batch of the sensor at rest: prediction and target are the same vector
        pred = torch.cat([pred[:-1], target[-1:] * (1 + 2e-7)])
    cos = (pred * target).sum(1)
    loss = torch.acos(cos).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step} angular_loss {loss.item():.5f}")
