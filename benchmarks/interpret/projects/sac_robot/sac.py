"""Soft actor-critic for MuJoCo. Run:  python sac.py train --env=Hopper-v4"""
import collections
import copy
import random

import fire
import gymnasium as gym
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def mlp(i, h, o, n):
    layers = [nn.Linear(i, h), nn.ReLU()]
    for _ in range(n - 1):
        layers += [nn.Linear(h, h), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(h, o))


class Buffer:
    def __init__(self, size):
        self.d = collections.deque(maxlen=size)

    def add(self, *t):
        self.d.append(t)

    def sample(self, n):
        return [torch.as_tensor(np.array(v), dtype=torch.float32) for v in zip(*random.sample(self.d, n))]


class Actor(nn.Module):
    def __init__(self, o, a, h, n):
        super().__init__()
        self.net = mlp(o, h, 2 * a, n)

    def forward(self, s):
        mu, log_std = self.net(s).chunk(2, -1)
        d = torch.distributions.Normal(mu, log_std.clamp(-20, 2).exp())
        u = d.rsample()
        a = torch.tanh(u)
        return a, (d.log_prob(u) - torch.log(1 - a ** 2 + 1e-6)).sum(-1, keepdim=True)


def train(
    env="HalfCheetah-v4",
    steps=1_000_000,
    start_steps=10_000,      # random actions before learning
    actor_lr=3e-4,
    critic_lr=3e-4,
    gamma=0.99,
    tau=0.005,
    alpha=0.2,               # entropy temperature, ignored if auto_alpha
    auto_alpha=True,
    batch_size=256,
    buffer_size=1_000_000,
    hidden=256,
    layers=2,
    utd=1,                   # gradient updates per env step
    n_critics=2,
    reward_scale=1.0,
    eval_every=5000,
    eval_episodes=10,
    seed=0,
    device="cpu",
    logdir="logs",
):
    """Train an agent.

    Args:
        env: gymnasium id
        tau: polyak coefficient of the target networks
        utd: update-to-data ratio
        n_critics: size of the Q ensemble (min over them is used as target)
    """
    random.seed(seed); np.random.seed(seed); torch.manual_seed(seed)
    e, ev = gym.make(env), gym.make(env)
    o, a = e.observation_space.shape[0], e.action_space.shape[0]
    actor = Actor(o, a, hidden, layers).to(device)
    qs = nn.ModuleList([mlp(o + a, hidden, 1, layers) for _ in range(n_critics)]).to(device)
    qt = copy.deepcopy(qs)
    log_alpha = torch.tensor(np.log(alpha), requires_grad=True)
    oa = torch.optim.Adam(actor.parameters(), actor_lr)
    oq = torch.optim.Adam(qs.parameters(), critic_lr)
    ol = torch.optim.Adam([log_alpha], actor_lr)
    buf = Buffer(buffer_size)
    s, _ = e.reset(seed=seed)
    for t in range(steps):
        if t < start_steps:
            act = e.action_space.sample()
        else:
            with torch.no_grad():
                act = actor(torch.as_tensor(s, dtype=torch.float32))[0].numpy()
        s2, r, term, trunc, _ = e.step(act)
        buf.add(s, act, [r * reward_scale], s2, [float(term)])
        s = e.reset()[0] if term or trunc else s2
        if t >= start_steps:
            for _ in range(utd):
                S, A, R, S2, D = buf.sample(batch_size)
                al = log_alpha.exp().detach()
                with torch.no_grad():
                    a2, lp2 = actor(S2)
                    tq = torch.min(torch.stack([q(torch.cat([S2, a2], -1)) for q in qt]), 0)[0]
                    y = R + gamma * (1 - D) * (tq - al * lp2)
                ql = sum(F.mse_loss(q(torch.cat([S, A], -1)), y) for q in qs)
                oq.zero_grad(); ql.backward(); oq.step()
                an, lp = actor(S)
                al_loss = (al * lp - torch.min(torch.stack([q(torch.cat([S, an], -1)) for q in qs]), 0)[0]).mean()
                oa.zero_grad(); al_loss.backward(); oa.step()
                if auto_alpha:
                    l = -(log_alpha * (lp.detach() - a)).mean()
                    ol.zero_grad(); l.backward(); ol.step()
                for p, q in zip(qs.parameters(), qt.parameters()):
                    q.data.lerp_(p.data, tau)
        if t % eval_every == 0:
            rets = []
            for _ in range(eval_episodes):
                x, done, ret = ev.reset()[0], False, 0
                while not done:
                    x, r, te, tr, _ = ev.step(actor(torch.as_tensor(x, dtype=torch.float32))[0].detach().numpy())
                    ret += r; done = te or tr
                rets.append(ret)
            print(f"step {t} eval_return {np.mean(rets):.1f} alpha {log_alpha.exp().item():.3f}", flush=True)


if __name__ == "__main__":
    fire.Fire({"train": train})
