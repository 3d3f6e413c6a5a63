"""A small diffusion model: the loss falls at once and then hardly, over noise of all sizes.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
data = torch.randn(2000, 2) * 0.1 + torch.randint(-1, 2, (2000, 2))
net = nn.Sequential(nn.Linear(3, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU(), nn.Linear(128, 2))
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
for step in range(1500):
    clean, t = data[torch.randint(2000, (64,))], torch.rand(64, 1)
    noise = torch.randn_like(clean)
    noisy = (1 - t).sqrt() * clean + t.sqrt() * noise
    loss = (net(torch.cat([noisy, t], 1)) - noise).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 5 == 0:
        print(f"step {step} loss {loss.item():.4f}")
