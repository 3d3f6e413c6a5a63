"""REINFORCE with tiny batches: the reward is very noisy, the 'loss' wanders around zero, and the policy does learn.

Expected: nothing
"""

import torch

torch.manual_seed(1)
pi = torch.nn.Sequential(torch.nn.Linear(6, 32), torch.nn.Tanh(), torch.nn.Linear(32, 4))
opt = torch.optim.Adam(pi.parameters(), 3e-3)
W = torch.randn(6, 4)
base = 0.25
for it in range(2000):
    s = torch.randn(24, 6)
    d = torch.distributions.Categorical(logits=pi(s))
    a = d.sample()
    r = ((s @ W).argmax(1) == a).float()
    loss = -(d.log_prob(a) * (r - base)).mean() - 0.01 * d.entropy().mean()
    base += 0.05 * (r.mean().item() - base)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 10 == 0:
        print(f"it {it} | policy_loss {loss.item():+.4f} | reward {r.mean().item():.3f}")
