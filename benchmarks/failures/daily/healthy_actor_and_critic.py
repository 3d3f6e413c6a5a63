"""An actor and a critic with an optimizer each; rewards are noisy, the actor's loss is around zero as it should be.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(1)
actor = nn.Sequential(nn.Linear(6, 48), nn.Tanh(), nn.Linear(48, 4))
critic = nn.Sequential(nn.Linear(6, 48), nn.Tanh(), nn.Linear(48, 1))
opt_actor = torch.optim.Adam(actor.parameters(), lr=3e-3)
opt_critic = torch.optim.Adam(critic.parameters(), lr=5e-3)
paying = torch.randn(6, 4)
for update in range(350):
    state = torch.randn(64, 6)
    dist = torch.distributions.Categorical(logits=actor(state))
    action = dist.sample()
    reward = (state @ paying)[torch.arange(64), action] + torch.randn(64)
    value = critic(state).squeeze(1)
    critic_loss = nn.functional.mse_loss(value, reward)
    opt_critic.zero_grad()
    critic_loss.backward()
    opt_critic.step()
    actor_loss = (
        -(dist.log_prob(action) * (reward - value.detach())).mean() - 0.01 * dist.entropy().mean()
    )
    opt_actor.zero_grad()
    actor_loss.backward()
    opt_actor.step()
    if update % 10 == 0:
        print(
            f"update {update} reward {reward.mean().item():.3f} actor_loss {actor_loss.item():.4f} critic_loss {critic_loss.item():.4f}"
        )
