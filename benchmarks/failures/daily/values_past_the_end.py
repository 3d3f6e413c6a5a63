"""Q-learning bootstraps past the end of each episode, with a discount of 1.2 and its own net as target: values grow without end.

Expected: diverged or exploding-gradient or not-learning or non-finite
Also: diverged, exploding-gradient, spike, non-finite
"""

import torch
from torch import nn

torch.manual_seed(0)
q = nn.Sequential(nn.Linear(4, 48), nn.ReLU(), nn.Linear(48, 3))
optimizer = torch.optim.Adam(q.parameters(), lr=2e-3)
gamma = 1.2
for step in range(600):
    s = torch.randn(64, 4)
    a = torch.randint(0, 3, (64,))
    r = 1.0 + s[torch.arange(64), a]
    s2 = 0.7 * s + 0.7 * torch.randn(64, 4)
    with torch.no_grad():
        target = r + gamma * q(s2).max(1).values
    value = q(s)[torch.arange(64), a]
    loss = nn.functional.smooth_l1_loss(value, target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 15 == 0:
        print(f"update {step} td_loss {loss.item():.4f} q_mean {value.mean().item():.2f}")
