from dataclasses import dataclass

import torch
import torch.nn as nn


@dataclass
class Config:
    # model
    n_layers: int = 4
    n_heads: int = 4
    d_model: int = 128
    context: int = 128
    dropout: float = 0.1
    tie_weights: bool = True
    activation: str = "gelu"  # gelu, relu, swiglu
    # training
    lr: float = 1e-3
    min_lr: float = 1e-4
    warmup_steps: int = 200
    max_steps: int = 5000
    batch_size: int = 32
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.95
    grad_clip: float = 1.0
    grad_accum: int = 1
    # misc
    eval_every: int = 500
    eval_batches: int = 20
    seed: int = 1234
    compile: bool = False
    out_dir: str = "out"


class Block(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.attn = nn.MultiheadAttention(cfg.d_model, cfg.n_heads, dropout=cfg.dropout, batch_first=True)
        self.ff = nn.Sequential(nn.Linear(cfg.d_model, 4 * cfg.d_model), nn.GELU(), nn.Linear(4 * cfg.d_model, cfg.d_model))

    def forward(self, x):
        x = x + self.attn(x, x, x, need_weights=False)[0]
        return x + self.ff(x)


def train(cfg):
    torch.manual_seed(cfg.seed)
    model = nn.Sequential(nn.Embedding(256, cfg.d_model), *[Block(cfg) for _ in range(cfg.n_layers)], nn.Linear(cfg.d_model, 256))
    opt = torch.optim.AdamW(model.parameters(), lr=cfg.lr, betas=(cfg.beta1, cfg.beta2), weight_decay=cfg.weight_decay)
    for step in range(cfg.max_steps):
        x = torch.randint(0, 256, (cfg.batch_size, cfg.context))
        loss = nn.functional.cross_entropy(model(x).flatten(0, 1), x.flatten())
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), cfg.grad_clip)
        opt.step()
        if step % cfg.eval_every == 0:
            print(f"step {step}: train loss {loss.item():.4f}, val loss {loss.item():.4f}")


if __name__ == "__main__":
    train(Config())
