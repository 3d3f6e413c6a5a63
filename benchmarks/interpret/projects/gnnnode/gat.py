from dataclasses import dataclass, field
import torch
from torch import nn
from simple_parsing import ArgumentParser


@dataclass
class ModelConfig:
    hidden: int = 64
    heads: int = 8
    layers: int = 2
    dropout: float = 0.6
    attn_dropout: float = 0.6  # on the attention coefficients
    negative_slope: float = 0.2
    residual: bool = False
    jk: str = "none"  # none, cat, max


@dataclass
class TrainConfig:
    dataset: str = "Cora"
    lr: float = 5e-3
    weight_decay: float = 5e-4
    epochs: int = 1000
    patience: int = 100
    drop_edge: float = 0.0  # share of edges dropped in training
    num_runs: int = 10
    seed: int = 0


@dataclass
class Config:
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


def main():
    parser = ArgumentParser()
    parser.add_arguments(Config, dest="cfg")
    cfg = parser.parse_args().cfg
    torch.manual_seed(cfg.train.seed)
    net = nn.Linear(8, cfg.model.hidden)
    opt = torch.optim.Adam(net.parameters(), lr=cfg.train.lr, weight_decay=cfg.train.weight_decay)
    for epoch in range(cfg.train.epochs):
        print(f"epoch {epoch} val_acc {0:.4f} test_acc {0:.4f}")


if __name__ == "__main__":
    main()
