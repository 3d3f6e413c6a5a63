"""REINFORCE with a rate of 3: after a few episodes the policy does the same in each state, whatever it pays.

Expected: not-learning or dead-units or vanishing-gradient or weights-unchanged or diverged
"""

import torch
from torch import nn

torch.manual_seed(3)
policy = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 4))
optimizer = torch.optim.Adam(policy.parameters(), lr=3.0)
paying = torch.randn(6, 4)
for episode in range(400):
    state = torch.randn(32, 6)
    dist = torch.distributions.Categorical(logits=policy(state))
    action = dist.sample()
    reward = (action == (state @ paying).argmax(1)).float()
    loss = -(dist.log_prob(action) * reward).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if episode % 10 == 0:
        print(
            f"episode {episode} reward {reward.mean().item():.3f} entropy {dist.entropy().mean().item():.5f}"
        )
