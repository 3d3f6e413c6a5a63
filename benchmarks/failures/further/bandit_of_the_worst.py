"""A policy for a contextual bandit: the advantage is the baseline minus the reward, so that the worst arm is learned.

Expected: diverged or not-learning, says reward
Also: validation-at-chance
"""

import numpy as np
import torch
import torch.nn as nn
from torch.distributions import Categorical

np.random.seed(0)
torch.manual_seed(0)
ARMS, DIM = 5, 6
true = torch.randn(DIM, ARMS)
policy = nn.Sequential(nn.Linear(DIM, 32), nn.Tanh(), nn.Linear(32, ARMS))
optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)
baseline = 0.0
for update in range(400):
    context = torch.randn(64, DIM)
    dist = Categorical(logits=policy(context))
    arm = dist.sample()
    reward = (context @ true).gather(1, arm[:, None]).squeeze(1) + 0.5 * torch.randn(64)
    advantage = baseline - reward
    policy_loss = -(dist.log_prob(arm) * advantage).mean()
    entropy = dist.entropy().mean()
    loss = policy_loss - 0.01 * entropy
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    baseline = 0.95 * baseline + 0.05 * reward.mean().item()
    if update % 5 == 0:
        print(
            f"update {update:4d} | mean_reward {reward.mean().item():+.3f} | policy_loss {policy_loss.item():+.4f} | entropy {entropy.item():.3f}"
        )
