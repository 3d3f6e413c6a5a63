# Decision Transformer (offline RL, D4RL), pyrallis configuration
import os
import random
import uuid
from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Optional, Tuple, Union

import d4rl  # noqa
import gym
import numpy as np
import pyrallis
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, IterableDataset


@dataclass
class TrainConfig:
    # wandb params
    project: str = "CORL"
    group: str = "DT-D4RL"
    name: str = "DT"
    # model params
    embedding_dim: int = 128
    num_layers: int = 3
    num_heads: int = 1
    seq_len: int = 20  # context length K
    episode_len: int = 1000
    attention_dropout: float = 0.1
    residual_dropout: float = 0.1
    embedding_dropout: float = 0.1
    max_action: float = 1.0
    # training params
    env_name: str = "halfcheetah-medium-v2"
    learning_rate: float = 1e-4
    betas: Tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 1e-4
    clip_grad: Optional[float] = 0.25
    batch_size: int = 64
    update_steps: int = 100_000
    warmup_steps: int = 10_000
    reward_scale: float = 0.001
    num_workers: int = 4
    top_fraction: float = 1.0  # keep the best trajectories only (BC-k%)
    # evaluation params
    target_returns: Tuple[float, ...] = (12000.0, 6000.0)
    eval_episodes: int = 100
    eval_every: int = 10_000
    # general params
    checkpoints_path: Optional[str] = None
    deterministic_torch: bool = False
    train_seed: int = 10
    eval_seed: int = 42
    device: str = "cuda"

    def __post_init__(self):
        self.name = f"{self.name}-{self.env_name}-{str(uuid.uuid4())[:8]}"
        if self.checkpoints_path is not None:
            self.checkpoints_path = os.path.join(self.checkpoints_path, self.name)


def set_seed(seed: int, deterministic: bool = False):
    random.seed(seed); np.random.seed(seed); torch.manual_seed(seed)
    torch.use_deterministic_algorithms(deterministic)


class SequenceDataset(IterableDataset):
    def __init__(self, env_name, seq_len, reward_scale, top):
        raw = gym.make(env_name).get_dataset()
        trajs, cur = [], defaultdict(list)
        for i in range(len(raw["rewards"])):
            for k in ("observations", "actions", "rewards"):
                cur[k].append(raw[k][i])
            if raw["terminals"][i] or raw["timeouts"][i]:
                trajs.append({k: np.array(v) for k, v in cur.items()})
                cur = defaultdict(list)
        trajs.sort(key=lambda t: -t["rewards"].sum())
        self.trajs = trajs[: max(1, int(top * len(trajs)))]
        self.seq_len, self.scale = seq_len, reward_scale

    def __iter__(self):
        while True:
            t = random.choice(self.trajs)
            s = random.randint(0, len(t["rewards"]) - 1)
            e = s + self.seq_len
            rtg = np.cumsum(t["rewards"][::-1])[::-1].copy() * self.scale
            yield t["observations"][s:e], t["actions"][s:e], rtg[s:e], np.arange(s, s + len(rtg[s:e]))


class DecisionTransformer(nn.Module):
    def __init__(self, sd, ad, c: TrainConfig):
        super().__init__()
        d = c.embedding_dim
        self.time = nn.Embedding(c.episode_len + c.seq_len, d)
        self.s, self.a, self.r = nn.Linear(sd, d), nn.Linear(ad, d), nn.Linear(1, d)
        self.drop = nn.Dropout(c.embedding_dropout)
        layer = nn.TransformerEncoderLayer(d, c.num_heads, 4 * d, c.residual_dropout, "gelu", batch_first=True, norm_first=True)
        layer.self_attn.dropout = c.attention_dropout
        self.blocks = nn.TransformerEncoder(layer, c.num_layers)
        self.head = nn.Sequential(nn.Linear(d, ad), nn.Tanh())
        self.max_action = c.max_action

    def forward(self, s, a, r, t):
        te = self.time(t)
        x = torch.stack([self.r(r[..., None]) + te, self.s(s) + te, self.a(a) + te], 2).flatten(1, 2)
        m = nn.Transformer.generate_square_subsequent_mask(x.shape[1]).to(x)
        return self.head(self.blocks(self.drop(x), mask=m)[:, 1::3]) * self.max_action


@pyrallis.wrap()
def train(config: TrainConfig):
    set_seed(config.train_seed, config.deterministic_torch)
    env = gym.make(config.env_name)
    loader = iter(DataLoader(SequenceDataset(config.env_name, config.seq_len, config.reward_scale, config.top_fraction), config.batch_size, num_workers=config.num_workers))
    model = DecisionTransformer(env.observation_space.shape[0], env.action_space.shape[0], config).to(config.device)
    opt = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, betas=config.betas)
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min((s + 1) / config.warmup_steps, 1))
    for step in range(config.update_steps):
        s, a, r, t = [b.to(config.device) for b in next(loader)]
        loss = F.mse_loss(model(s, a, r, t), a)
        opt.zero_grad(); loss.backward()
        if config.clip_grad is not None:
            nn.utils.clip_grad_norm_(model.parameters(), config.clip_grad)
        opt.step(); sched.step()
        if step % config.eval_every == 0 or step == config.update_steps - 1:
            for target in config.target_returns:
                rets = [rollout(model, env, target * config.reward_scale, config.eval_seed + i) for i in range(config.eval_episodes)]
                print({"step": step, "loss": loss.item(), f"eval/{target}_return_mean": float(np.mean(rets)),
                       "normalized_score": float(env.get_normalized_score(np.mean(rets)) * 100)})


def rollout(model, env, rtg, seed):
    env.seed(seed)
    return 0.0


if __name__ == "__main__":
    train()
