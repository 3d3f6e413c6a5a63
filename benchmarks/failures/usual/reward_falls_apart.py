"""A policy learns to balance while a schedule lets its rate grow twentyfold, and keeps what it knows.

Expected: nothing
"""

import torch
from torch import nn
from torch.distributions import Normal

torch.manual_seed(0)


def rollout(policy, n=64, horizon=20):
    s = torch.randn(n, 2)
    log_prob, reward = torch.zeros(n), torch.zeros(n)
    for _ in range(horizon):
        dist = Normal(policy(s).squeeze(1), 0.3)
        a = dist.sample()
        log_prob = log_prob + dist.log_prob(a)
        velocity = 0.9 * s[:, 1] + 0.3 * a.clamp(-2, 2)
        s = torch.stack([s[:, 0] + 0.3 * velocity, velocity], 1).clamp(-10, 10)
        reward = reward - s[:, 0].abs().clamp(max=5)
    return log_prob, reward


policy = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(policy.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=1.01)
for iteration in range(300):
    log_prob, reward = rollout(policy)
    advantage = (reward - reward.mean()) / reward.std()
    loss = -(log_prob * advantage).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if iteration % 3 == 0:
        print(
            f"iteration {iteration:4d}  episode_return {reward.mean().item():8.3f}  loss {loss.item():7.3f}"
        )
