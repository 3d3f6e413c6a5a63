import dataclasses
from typing import Literal, Annotated
import gymnasium as gym, numpy as np, torch, torch.nn as nn, tyro
from torch.distributions import Categorical

@dataclasses.dataclass(frozen=True)
class EnvArgs:
    id: str = "CartPole-v1"
    num: int = 4
    """parallel environments"""

@dataclasses.dataclass
class OptimArgs:
    lr: float = 2.5e-4
    eps: float = 1e-5
    max_grad_norm: float = 0.5

@dataclasses.dataclass
class Args:
    env: EnvArgs
    optim: OptimArgs = dataclasses.field(default_factory=OptimArgs)
    total_timesteps: int = 500_000
    rollout: Annotated[int, tyro.conf.arg(aliases=["-T"])] = 128
    anneal_lr: bool = True
    gamma: float = 0.99
    gae_lambda: float = 0.95
    minibatches: int = 4
    update_epochs: int = 4
    clip: float = 0.2
    ent_coef: float = 0.01
    vf_coef: float = 0.5
    activation: Literal["tanh", "relu"] = "tanh"
    seed: int | None = None

def main(args: Args):
    envs = gym.make_vec(args.env.id, num_envs=args.env.num)
    act = {"tanh": nn.Tanh, "relu": nn.ReLU}[args.activation]
    o, n = envs.single_observation_space.shape[0], envs.single_action_space.n
    net = nn.Sequential(nn.Linear(o, 64), act(), nn.Linear(64, 64), act(), nn.Linear(64, n + 1))
    opt = torch.optim.Adam(net.parameters(), lr=args.optim.lr, eps=args.optim.eps)
    obs = torch.tensor(envs.reset(seed=args.seed)[0])
    updates = args.total_timesteps // (args.rollout * args.env.num)
    for u in range(updates):
        if args.anneal_lr:
            opt.param_groups[0]["lr"] = (1 - u / updates) * args.optim.lr
        buf = []
        for _ in range(args.rollout):
            with torch.no_grad():
                z = net(obs); d = Categorical(logits=z[:, :-1]); a = d.sample()
            nxt, r, te, tr, _ = envs.step(a.numpy())
            buf.append((obs, a, d.log_prob(a), z[:, -1], torch.tensor(r).float(), torch.tensor(te | tr).float())); obs = torch.tensor(nxt)
        O, A, L, V, R, D = map(torch.stack, zip(*buf))
        adv, g, nv = torch.zeros_like(R), 0, net(obs)[:, -1].detach()
        for t in reversed(range(args.rollout)):
            g = R[t] + args.gamma * nv * (1 - D[t]) - V[t] + args.gamma * args.gae_lambda * (1 - D[t]) * g
            adv[t], nv = g, V[t]
        O, A, L, adv, ret = (x.flatten(0, 1) for x in (O, A, L, adv, adv + V))
        for _ in range(args.update_epochs):
            for ix in torch.randperm(len(A)).chunk(args.minibatches):
                z = net(O[ix]); d = Categorical(logits=z[:, :-1]); ratio = (d.log_prob(A[ix]) - L[ix]).exp()
                pg = -torch.min(ratio * adv[ix], ratio.clamp(1 - args.clip, 1 + args.clip) * adv[ix]).mean()
                loss = pg + args.vf_coef * (z[:, -1] - ret[ix]).pow(2).mean() - args.ent_coef * d.entropy().mean()
                opt.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(net.parameters(), args.optim.max_grad_norm); opt.step()

if __name__ == "__main__":
    main(tyro.cli(Args))
