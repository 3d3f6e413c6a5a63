"""A Wasserstein critic with a gradient penalty: its loss is negative and goes where it likes.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
g = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
d = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1))
slow = torch.optim.Adam(g.parameters(), 1e-3, betas=(0.0, 0.9))
fast = torch.optim.Adam(d.parameters(), 1e-3, betas=(0.0, 0.9))
for step in range(500):
    angle = 6.283 * torch.rand(48, 1)
    real = 2 * torch.cat([angle.sin(), angle.cos()], 1)
    made = g(torch.randn(48, 4)).detach()
    mid = (real + torch.rand(48, 1) * (made - real)).requires_grad_()
    (slope,) = torch.autograd.grad(d(mid).sum(), mid, create_graph=True)
    critic = d(made).mean() - d(real).mean() + 10 * (slope.norm(dim=1) - 1).square().mean()
    fast.zero_grad()
    critic.backward()
    fast.step()
    if step % 5 == 0:
        loss = -d(g(torch.randn(48, 4))).mean()
        slow.zero_grad()
        loss.backward()
        slow.step()
        print(f"step {step} | critic_loss {critic.item():.4f} | generator_loss {loss.item():.4f}")
