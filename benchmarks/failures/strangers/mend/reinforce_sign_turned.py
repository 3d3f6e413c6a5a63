"""REINFORCE on a contextual bandit with the sign of the loss turned: the reward falls from chance to nothing.

Expected: not-learning or diverged
Also: diverged, not-learning, vanishing-gradient, loss-floor
"""

import torch

torch.manual_seed(5)
policy = torch.nn.Sequential(torch.nn.Linear(8, 64), torch.nn.Tanh(), torch.nn.Linear(64, 4))
W = torch.randn(8, 4)
optimizer = torch.optim.Adam(policy.parameters(), lr=1e-3)
for update in range(1500):
    s = torch.randn(128, 8)
    pi = torch.distributions.Categorical(logits=policy(s))
    a = pi.sample()
    reward = ((s @ W).argmax(1) == a).float()
    loss = (pi.log_prob(a) * (reward - reward.mean())).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if update % 10 == 0:
        print(
            f"update {update:4d}  mean_reward {reward.mean():.3f}  entropy {pi.entropy().mean():.3f}  policy_loss {loss.item():+.4f}"
        )
