"""An actor and a critic on a cart that slips: single returns jump about, the mean rises slowly.

Expected: nothing
"""

import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(0)


class Slippery:
    def reset(self):
        self.x, self.v, self.t = torch.randn(1).item() * 0.5, 0.0, 0
        return torch.tensor([self.x, self.v])

    def step(self, a):
        push = (a - 1) * 0.15 if torch.rand(1) > 0.2 else 0.15 * torch.randn(1).item()
        self.v = 0.9 * self.v + push + 0.02 * torch.randn(1).item()
        self.x += self.v
        self.t += 1
        return torch.tensor([self.x, self.v]), -min(abs(self.x), 5.0), self.t >= 30


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.actor = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 3))
        self.critic = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))


env, net = Slippery(), ActorCritic()
optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
for episode in range(250):
    s, done, steps = env.reset(), False, []
    while not done:
        dist = Categorical(logits=net.actor(s))
        a = dist.sample()
        s2, r, done = env.step(a.item())
        steps.append((dist.log_prob(a), net.critic(s).squeeze(), r, dist.entropy()))
        s = s2
    g, returns = 0.0, []
    for _, _, r, _ in reversed(steps):
        g = r + 0.95 * g
        returns.insert(0, g)
    returns = torch.tensor(returns)
    values = torch.stack([v for _, v, _, _ in steps])
    log_probs = torch.stack([lp for lp, _, _, _ in steps])
    entropy = torch.stack([e for _, _, _, e in steps]).mean()
    advantage = returns - values.detach()
    loss = (
        -(log_probs * advantage).mean()
        + 0.5 * nn.functional.mse_loss(values, returns)
        - 0.01 * entropy
    )
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 0.5)
    optimizer.step()
    print(f"episode {episode} reward {sum(r for _, _, r, _ in steps):.2f} loss {loss.item():.3f}")
