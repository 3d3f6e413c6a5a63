"""REINFORCE on a noisy corridor: the reward is noise at first, the loss says nothing at all.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
policy = nn.Sequential(nn.Linear(9, 32), nn.Tanh(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(policy.parameters(), lr=5e-3)
baseline = 0.0
for episode in range(400):
    place = torch.full((16,), 4)
    chances, reward = torch.zeros(16), torch.zeros(16)
    for _ in range(8):
        draw = torch.distributions.Categorical(
            logits=policy(nn.functional.one_hot(place, 9).float())
        )
        action = draw.sample()
        chances = chances + draw.log_prob(action)
        slip = torch.rand(16) < 0.2
        place = (place + torch.where(slip, 1 - 2 * action, 2 * action - 1)).clamp(0, 8)
        reward += (place == 8).float() + 0.3 * torch.randn(16)
    loss = -(chances * (reward - baseline)).mean()
    baseline = 0.95 * baseline + 0.05 * reward.mean().item()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if episode % 5 == 0:
        print(f"episode {episode} policy_loss {loss.item():.3f} reward {reward.mean().item():.3f}")
