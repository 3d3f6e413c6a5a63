"""Soft actor critic, attrs class turned into command line options."""
import argparse, copy
import attr, gymnasium as gym, numpy as np, torch, torch.nn as nn

@attr.s(auto_attribs=True, kw_only=True)
class SACConfig:
    env_id: str = "HalfCheetah-v4"
    seed: int = attr.ib(default=1, converter=int)
    total_steps: int = 1_000_000
    learning_starts: int = 5_000
    buffer_size: int = int(1e6)
    batch_size: int = 256
    gamma: float = attr.ib(default=0.99, validator=attr.validators.lt(1.0))
    tau: float = 5e-3
    policy_lr: float = 3e-4
    q_lr: float = 1e-3
    alpha: float = 0.2
    hidden: int = 256
    policy_freq: int = 2

p = argparse.ArgumentParser()
for f in attr.fields(SACConfig):
    p.add_argument("--" + f.name.replace("_", "-"), type=f.type, default=f.default)
cfg = SACConfig(**vars(p.parse_args()))

def mlp(i, o):
    return nn.Sequential(nn.Linear(i, cfg.hidden), nn.ReLU(), nn.Linear(cfg.hidden, cfg.hidden), nn.ReLU(), nn.Linear(cfg.hidden, o))

env = gym.make(cfg.env_id)
O, A = env.observation_space.shape[0], env.action_space.shape[0]
torch.manual_seed(cfg.seed)
pi, q = mlp(O, 2 * A), mlp(O + A, 1)
qt = copy.deepcopy(q)
po, qo = torch.optim.Adam(pi.parameters(), cfg.policy_lr), torch.optim.Adam(q.parameters(), cfg.q_lr)
buf = []

def act(o):
    mu, ls = pi(o).chunk(2, -1)
    d = torch.distributions.Normal(mu, ls.clamp(-5, 2).exp())
    a = d.rsample()
    return a.tanh(), (d.log_prob(a) - torch.log(1 - a.tanh() ** 2 + 1e-6)).sum(-1, keepdim=True)

o, _ = env.reset(seed=cfg.seed)
for t in range(cfg.total_steps):
    a = env.action_space.sample() if t < cfg.learning_starts else act(torch.tensor(o).float())[0].detach().numpy()
    o2, r, term, trunc, _ = env.step(a)
    buf.append((o, a, [r], o2, [float(term)])); buf = buf[-cfg.buffer_size:]
    o = env.reset()[0] if term or trunc else o2
    if t < cfg.learning_starts:
        continue
    S, Ac, R, S2, Dn = (torch.tensor(np.array(z)).float() for z in zip(*[buf[i] for i in np.random.randint(len(buf), size=cfg.batch_size)]))
    with torch.no_grad():
        a2, lp = act(S2)
        y = R + cfg.gamma * (1 - Dn) * (qt(torch.cat([S2, a2], 1)) - cfg.alpha * lp)
    l = (q(torch.cat([S, Ac], 1)) - y).pow(2).mean(); qo.zero_grad(); l.backward(); qo.step()
    if t % cfg.policy_freq == 0:
        a1, lp = act(S); l = (cfg.alpha * lp - q(torch.cat([S, a1], 1))).mean(); po.zero_grad(); l.backward(); po.step()
    for w, v in zip(qt.parameters(), q.parameters()):
        w.data.lerp_(v.data, cfg.tau)
