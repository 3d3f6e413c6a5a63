from dataclasses import dataclass, field


@dataclass
class ModelConfig:
    arch: str = "gcn"  # gcn, gat, sage
    hidden: int = 64
    num_layers: int = 2
    heads: int = 8  # only for gat
    dropout: float = 0.5
    norm: str = "batch"
    residual: bool = False


@dataclass
class TrainConfig:
    lr: float = 0.01
    weight_decay: float = 5e-4
    epochs: int = 200
    patience: int = 100
    eval_every: int = 1


@dataclass
class Config:
    dataset: str = "cora"
    num_splits: int = 10
    self_loops: bool = True
    seed: int = 0
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
