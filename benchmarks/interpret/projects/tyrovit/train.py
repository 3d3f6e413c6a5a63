from dataclasses import dataclass, field
from typing import Literal

import tyro


@dataclass
class ModelConfig:
    patch_size: int = 4
    dim: int = 192
    depth: int = 9
    heads: int = 3
    mlp_ratio: float = 4.0
    drop_path: float = 0.1
    dropout: float = 0.0
    pos_embed: Literal["learned", "sincos", "rope"] = "learned"


@dataclass
class OptimConfig:
    name: Literal["adamw", "lion", "sgd"] = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.05
    warmup_epochs: int = 10
    betas: tuple[float, float] = (0.9, 0.999)
    clip_grad: float = 1.0


@dataclass
class DataConfig:
    dataset: Literal["cifar10", "cifar100", "svhn"] = "cifar100"
    batch_size: int = 256
    mixup: float = 0.8
    cutmix: float = 1.0
    randaugment: bool = True
    workers: int = 4


@dataclass
class Config:
    model: ModelConfig = field(default_factory=ModelConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    data: DataConfig = field(default_factory=DataConfig)
    epochs: int = 200
    ema_decay: float | None = None  # None: no EMA
    seed: int = 0
    bf16: bool = True
    wandb: bool = False
    run_name: str = "vit"


def main(cfg: Config) -> None:
    for epoch in range(cfg.epochs):
        print({"epoch": epoch, "train_loss": 1.0, "val_acc1": 0.5, "val_acc5": 0.8})


if __name__ == "__main__":
    main(tyro.cli(Config))
