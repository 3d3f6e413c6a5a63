"""A policy for a bandit whose rewards are mostly noise: the mean creeps up, single batches say nothing.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
policy = nn.Sequential(nn.Linear(4, 24), nn.Tanh(), nn.Linear(24, 3))
optimizer = torch.optim.Adam(policy.parameters(), lr=4e-3)
arms = torch.randn(4, 3)
baseline = 0.0
for update in range(450):
    context = torch.randn(48, 4)
    dist = torch.distributions.Categorical(logits=policy(context))
    arm = dist.sample()
    reward = (context @ arms)[torch.arange(48), arm] + 2.5 * torch.randn(48)
    baseline += 0.05 * (reward.mean().item() - baseline)
    loss = -(dist.log_prob(arm) * (reward - baseline)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if update % 10 == 0:
        print(f"update {update} reward {reward.mean().item():.4f} loss {loss.item():.4f}")
