"""Advantages are divided by their deviation; the last minibatch of a rollout holds a single step.

Expected: non-finite at step 8
Also: crashed
"""

import torch
from torch import nn

torch.manual_seed(0)
policy = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(policy.parameters(), 3e-4)
for update in range(12):
    states = torch.randn(65, 4)
    with torch.no_grad():
        actions = torch.distributions.Categorical(logits=policy(states)).sample()
    gain = (states[:, 0] * (actions * 2 - 1)) + 0.1 * torch.randn(65)
    for rows in torch.randperm(65).split(8):
        advantage = (gain[rows] - gain[rows].mean()) / (gain[rows].std() + 1e-8)
        logs = torch.distributions.Categorical(logits=policy(states[rows])).log_prob(actions[rows])
        loss = -(logs * advantage).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"update {update} policy_loss {loss.item():.4f} mean_reward {gain.mean().item():.3f}")
