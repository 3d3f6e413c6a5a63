"""A policy on a walk along a line: its loss wanders, its reward rises.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
policy = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(policy.parameters(), 1e-2)
for episode in range(250):
    place, chances, rewards = torch.zeros(32, 1), [], []
    for _ in range(10):
        choice = torch.distributions.Categorical(logits=policy(place / 5))
        action = choice.sample()
        place = place + (2.0 * action - 1).unsqueeze(1) + 0.3 * torch.randn(32, 1)
        chances.append(choice.log_prob(action))
        rewards.append(-(place[:, 0] - 3).abs())
    total = torch.stack(rewards).sum(0)
    loss = -((total - total.mean()) / total.std() * torch.stack(chances).sum(0)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"episode {episode} loss {loss.item():.4f} reward {total.mean().item():.3f}")
