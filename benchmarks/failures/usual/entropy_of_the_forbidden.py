"""A policy masks moves with -inf and takes the entropy as the sum of p log p: the first state with a mask makes it NaN.

Expected: non-finite at step 90, says entropy or log
Also: hidden-nan, crashed
"""

import torch
from torch import nn

torch.manual_seed(0)


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 32), nn.Tanh())
        self.pi, self.v = nn.Linear(32, 5), nn.Linear(32, 1)

    def forward(self, s, mask):
        h = self.body(s)
        return self.pi(h).masked_fill(~mask, float("-inf")), self.v(h).squeeze(-1)


table = torch.randn(6, 5)
agent = ActorCritic()
optimizer = torch.optim.Adam(agent.parameters(), lr=3e-3)
for update in range(200):
    states = torch.randn(32, 6)
    mask = torch.ones(32, 5, dtype=torch.bool)
    if update >= 90:
        mask[::4, 2] = False
    logits, values = agent(states, mask)
    log_p = torch.log_softmax(logits, -1)
    p = log_p.exp()
    actions = torch.multinomial(p.detach().nan_to_num(0.2), 1).squeeze(1)
    rewards = (states @ table).gather(1, actions[:, None]).squeeze(1)
    advantage = rewards - values
    policy_loss = -(log_p.gather(1, actions[:, None]).squeeze(1) * advantage.detach()).mean()
    entropy = -(p * log_p).sum(-1).mean()
    loss = policy_loss + 0.5 * advantage.pow(2).mean() - 0.01 * entropy
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if update % 10 == 0:
        print(
            f"update {update} | mean_reward {rewards.mean().item():.3f} | entropy {entropy.item():.3f} | loss {loss.item():.3f}"
        )
