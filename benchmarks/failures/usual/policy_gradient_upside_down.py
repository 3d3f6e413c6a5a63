"""REINFORCE on a track: the minus before the log-probability is missing, and the return gets worse and worse.

Expected: diverged or not-learning, says reward or return
Also: validation-at-chance
"""

import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(0)


class Track:
    """Keep a cart near the middle for 40 steps."""

    def reset(self):
        self.x, self.v, self.t = 0.4 * torch.randn(1).item(), 0.0, 0
        return self.state()

    def state(self):
        return torch.tensor([self.x, self.v])

    def step(self, action):
        self.v = 0.9 * self.v + (action - 1) * 0.1
        self.x += self.v
        self.t += 1
        return self.state(), -abs(self.x), self.t >= 40


env = Track()
policy = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 3))
optimizer = torch.optim.Adam(policy.parameters(), lr=5e-3)
mean_return = 0.0
for episode in range(250):
    state, done = env.reset(), False
    log_probs, rewards = [], []
    while not done:
        dist = Categorical(logits=policy(state))
        action = dist.sample()
        log_probs.append(dist.log_prob(action))
        state, reward, done = env.step(action.item())
        rewards.append(reward)
    returns, g = [], 0.0
    for r in reversed(rewards):
        g = r + 0.97 * g
        returns.insert(0, g)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + 1e-8)
    loss = (torch.stack(log_probs) * returns).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    mean_return = 0.9 * mean_return + 0.1 * sum(rewards) if episode else sum(rewards)
    if episode % 5 == 0:
        print(
            f"Episode {episode}\tepisode_reward: {sum(rewards):.2f}\taverage_reward: {mean_return:.2f}"
        )
