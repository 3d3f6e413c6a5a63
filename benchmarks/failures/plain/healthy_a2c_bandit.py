"""Actor and critic in one net on a task of one step: the total loss goes below zero by the bonus for entropy.

Expected: nothing
"""

import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(7)


class ActorCritic(nn.Module):
    def __init__(self, obs=6, acts=4):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(obs, 64), nn.Tanh())
        self.pi, self.v = nn.Linear(64, acts), nn.Linear(64, 1)

    def forward(self, x):
        h = self.body(x)
        return Categorical(logits=self.pi(h)), self.v(h).squeeze(-1)


M = torch.randn(6, 4)
net = ActorCritic()
optimizer = torch.optim.RMSprop(net.parameters(), lr=2e-3)
for update in range(400):
    obs = torch.randn(32, 6)
    dist, value = net(obs)
    action = dist.sample()
    reward = ((obs @ M).argmax(1) == action).float() + 0.2 * torch.randn(32)
    advantage = reward - value
    policy_loss = -(dist.log_prob(action) * advantage.detach()).mean()
    value_loss = advantage.pow(2).mean()
    entropy = dist.entropy().mean()
    loss = policy_loss + 0.5 * value_loss - 0.05 * entropy
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 0.5)
    optimizer.step()
    if update % 10 == 0:
        print(
            f"update {update} reward {reward.mean().item():.3f} loss {loss.item():.4f} "
            f"policy_loss {policy_loss.item():.4f} value_loss {value_loss.item():.4f} entropy {entropy.item():.3f}"
        )
