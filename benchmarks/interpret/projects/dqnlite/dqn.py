import random
from collections import deque
from dataclasses import dataclass

import gymnasium as gym
import torch
from torch import nn


@dataclass
class Config:
    env_id: str = "CartPole-v1"
    total_timesteps: int = 200_000
    learning_rate: float = 2.5e-4
    buffer_size: int = 10_000
    gamma: float = 0.99
    target_update: int = 500  # steps between updates of the target network
    batch_size: int = 128
    eps_start: float = 1.0
    eps_end: float = 0.05
    exploration_fraction: float = 0.5
    learning_starts: int = 10_000
    train_every: int = 10
    hidden: tuple = (120, 84)
    double: bool = False
    dueling: bool = False
    prioritized: bool = False
    alpha: float = 0.6  # of the priorities
    n_step: int = 1
    max_grad_norm: float = 10.0
    seed: int = 1
    device: str = "cpu"


def main():
    cfg = Config()
    random.seed(cfg.seed)
    torch.manual_seed(cfg.seed)
    env = gym.make(cfg.env_id)
    n = env.observation_space.shape[0]
    q = nn.Sequential(nn.Linear(n, cfg.hidden[0]), nn.ReLU(), nn.Linear(cfg.hidden[0], cfg.hidden[1]), nn.ReLU(), nn.Linear(cfg.hidden[1], env.action_space.n)).to(cfg.device)
    opt = torch.optim.Adam(q.parameters(), lr=cfg.learning_rate)
    replay = deque(maxlen=cfg.buffer_size)
    obs, _ = env.reset(seed=cfg.seed)
    for step in range(cfg.total_timesteps):
        eps = max(cfg.eps_end, cfg.eps_start - step / (cfg.exploration_fraction * cfg.total_timesteps))
        a = env.action_space.sample() if random.random() < eps else q(torch.as_tensor(obs)).argmax().item()
        new, r, done, cut, _ = env.step(a)
        replay.append((obs, a, r, new, done))
        obs = new if not (done or cut) else env.reset()[0]
        if step > cfg.learning_starts and step % cfg.train_every == 0:
            rows = random.sample(replay, cfg.batch_size)
            loss = torch.zeros((), requires_grad=True)
            opt.zero_grad(); loss.backward()
            nn.utils.clip_grad_norm_(q.parameters(), cfg.max_grad_norm)
            opt.step()
        if step % cfg.target_update == 0:
            pass
        if step % 1000 == 0:
            print(f"step {step} episodic_return {0:.1f}")


if __name__ == "__main__":
    main()
