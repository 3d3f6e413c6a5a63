"""PPO with several epochs a rollout on a cart with noise: the value loss grows with the returns, which jump about.

Expected: nothing
"""

import torch
from torch import nn
from torch.distributions import Normal

torch.manual_seed(0)


class Carts:
    def __init__(self, n=16):
        self.n = n
        self.reset_all()

    def reset_all(self):
        self.s = 0.5 * torch.randn(self.n, 2)
        return self.s.clone()

    def step(self, a):
        pos, vel = self.s[:, 0], self.s[:, 1]
        vel = 0.95 * vel + 0.1 * a.clamp(-1, 1) + 0.03 * torch.randn(self.n)
        pos = pos + 0.1 * vel + 0.02 * pos
        out = pos.abs() > 2
        reward = torch.where(out, torch.tensor(-5.0), 1 - pos**2)
        self.s = torch.stack([pos, vel], 1)
        self.s[out] = 0.5 * torch.randn(int(out.sum()), 2)
        return self.s.clone(), reward, out


pi = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))
vf = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))
log_std = nn.Parameter(torch.tensor(-0.5))
optimizer = torch.optim.Adam([*pi.parameters(), *vf.parameters(), log_std], lr=1e-3)
env = Carts()
s = env.reset_all()
for update in range(40):
    S, A, L, R, D = [], [], [], [], []
    for _ in range(32):
        with torch.no_grad():
            dist = Normal(pi(s).squeeze(1), log_std.exp())
            a = dist.sample()
        n, r, d = env.step(a)
        for store, item in zip((S, A, L, R, D), (s, a, dist.log_prob(a), r, d), strict=False):
            store.append(item)
        s = n
    with torch.no_grad():
        g = vf(s).squeeze(1)
    G = []
    for r, d in zip(reversed(R), reversed(D), strict=False):
        g = r + 0.97 * g * (~d)
        G.insert(0, g)
    S, A, L, G = torch.cat(S), torch.cat(A), torch.cat(L), torch.cat(G)
    adv = G - vf(S).squeeze(1).detach()
    adv = (adv - adv.mean()) / (adv.std() + 1e-8)
    for _ in range(4):
        for idx in torch.randperm(len(S)).split(128):
            dist = Normal(pi(S[idx]).squeeze(1), log_std.exp())
            ratio = (dist.log_prob(A[idx]) - L[idx]).exp()
            pg = -torch.min(ratio * adv[idx], ratio.clamp(0.8, 1.2) * adv[idx]).mean()
            v_loss = nn.functional.mse_loss(vf(S[idx]).squeeze(1), G[idx])
            loss = pg + 0.5 * v_loss - 0.001 * dist.entropy().mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_([*pi.parameters(), *vf.parameters(), log_std], 0.5)
            optimizer.step()
    print(
        f"update {update} mean_reward {torch.stack(R).mean().item():.3f} policy_loss {pg.item():.4f} value_loss {v_loss.item():.4f} std {log_std.exp().item():.3f}"
    )
