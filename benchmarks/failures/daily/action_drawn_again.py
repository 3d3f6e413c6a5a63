"""REINFORCE draws its action twice: one is played, the log-probability of the other is learned.

Expected: not-learning or diverged, says reward
"""

import torch
from torch import nn

torch.manual_seed(0)
policy = nn.Sequential(nn.Linear(5, 32), nn.Tanh(), nn.Linear(32, 5))
optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)


def act(state):
    return torch.distributions.Categorical(logits=policy(state)).sample()


best = torch.randn(5, 5)
for update in range(400):
    state = torch.randn(64, 5)
    reward = (act(state) == (state @ best).argmax(1)).float()
    dist = torch.distributions.Categorical(logits=policy(state))
    loss = -(dist.log_prob(dist.sample()) * (reward - reward.mean())).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if update % 10 == 0:
        print(
            f"update {update} mean_reward {reward.mean().item():.4f} policy_loss {loss.item():.4f}"
        )
