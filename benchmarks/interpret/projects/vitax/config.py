import dataclasses


@dataclasses.dataclass(frozen=True)
class ViT:
    patch: int = 4
    dim: int = 192
    heads: int = 3
    layers: int = 12
    mlp_ratio: float = 4.0
    drop_path: float = 0.1
    pool: str = "cls"  # cls | gap


@dataclasses.dataclass(frozen=True)
class Optim:
    name: str = "adamw"  # adamw | lion | sgd
    base_lr: float = 1e-3
    final_lr: float = 1e-5
    warmup_epochs: int = 5
    weight_decay: float = 0.05
    b1: float = 0.9
    b2: float = 0.999
    global_clip: float = 1.0


@dataclasses.dataclass(frozen=True)
class Data:
    tfds_name: str = "cifar100"
    image_size: int = 32
    batch: int = 512
    randaug_n: int = 2
    randaug_m: int = 9
    mixup: float = 0.8
    cutmix: float = 1.0
    random_erase: float = 0.25
    label_smoothing: float = 0.1


@dataclasses.dataclass(frozen=True)
class Config:
    vit: ViT = ViT()
    optim: Optim = Optim()
    data: Data = Data()
    epochs: int = 200
    dtype: str = "float32"  # float32 | bfloat16
    ema: float = 0.0
    prng: int = 0
    workdir: str = "/tmp/vitax"
