from enum import Enum
from pathlib import Path
from typing import Optional

import gymnasium as gym
import numpy as np
import torch
import typer
from torch import nn
from torch.distributions import Categorical

app = typer.Typer(add_completion=False)


class Act(str, Enum):
    tanh = "tanh"
    relu = "relu"
    gelu = "gelu"


def mlp(n_in, n_out, width, depth, act):
    fn = {"tanh": nn.Tanh, "relu": nn.ReLU, "gelu": nn.GELU}[act]
    sizes = [n_in] + [width] * depth
    body = [m for a, b in zip(sizes, sizes[1:]) for m in (nn.Linear(a, b), fn())]
    return nn.Sequential(*body, nn.Linear(width, n_out))


@app.command()
def learn(
    env: str = typer.Option("MiniGrid-DoorKey-6x6-v0", help="gymnasium id"),
    total: int = typer.Option(1_000_000, help="environment frames"),
    n_envs: int = typer.Option(16, help="copies that run side by side"),
    rollout: int = typer.Option(128, help="steps per copy before an update"),
    minibatches: int = typer.Option(8, help="parts a rollout is cut into"),
    passes: int = typer.Option(4, help="optimisation epochs per rollout"),
    actor_lr: float = typer.Option(3e-4),
    critic_lr: float = typer.Option(1e-3),
    anneal: bool = typer.Option(True, help="let both rates fall to zero"),
    gamma: float = typer.Option(0.99, help="discount"),
    lam: float = typer.Option(0.95, help="lambda of GAE"),
    clip_eps: float = typer.Option(0.2),
    ent_coef: float = typer.Option(0.01, help="entropy bonus"),
    vf_coef: float = typer.Option(0.5),
    target_kl: Optional[float] = typer.Option(None, help="stop the passes beyond this"),
    norm_adv: bool = typer.Option(True),
    norm_obs: bool = typer.Option(False),
    frame_stack: int = typer.Option(1),
    width: int = typer.Option(64),
    depth: int = typer.Option(2),
    act: Act = typer.Option(Act.tanh),
    max_grad: float = typer.Option(0.5),
    eval_every: int = typer.Option(50_000),
    eval_episodes: int = typer.Option(20),
    seed: int = typer.Option(1),
    logdir: Path = typer.Option(Path("logs")),
    video: bool = typer.Option(False, help="film the evaluation episodes"),
    init_from: Optional[Path] = typer.Option(None, help="weights to start from"),
):
    """Train an agent."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    envs = gym.vector.SyncVectorEnv([lambda: gym.make(env) for _ in range(n_envs)])
    n_obs = int(np.prod(envs.single_observation_space.shape)) * frame_stack
    actor = mlp(n_obs, envs.single_action_space.n, width, depth, act.value)
    critic = mlp(n_obs, 1, width, depth, act.value)
    if init_from:
        actor.load_state_dict(torch.load(init_from))
    opt = torch.optim.Adam([{"params": actor.parameters(), "lr": actor_lr}, {"params": critic.parameters(), "lr": critic_lr}])
    batch = n_envs * rollout
    obs, _ = envs.reset(seed=seed)
    for frame in range(0, total, batch):
        if anneal:
            for g, lr in zip(opt.param_groups, (actor_lr, critic_lr)):
                g["lr"] = lr * (1 - frame / total)
        flat = torch.as_tensor(obs, dtype=torch.float32).flatten(1)
        dist = Categorical(logits=actor(flat))
        obs, rew, done, cut, _ = envs.step(dist.sample().numpy())
        target = torch.as_tensor(rew, dtype=torch.float32) + gamma * critic(flat).squeeze(-1).detach()
        adv = target - critic(flat).squeeze(-1)
        loss = -(dist.log_prob(dist.sample()) * adv.detach()).mean() + vf_coef * adv.pow(2).mean() - ent_coef * dist.entropy().mean()
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(actor.parameters(), max_grad)
        opt.step()
        if frame % eval_every < batch:
            print(f"frame {frame} eval_return {rew.mean():.3f} success_rate {0.0:.3f}")


if __name__ == "__main__":
    app()
