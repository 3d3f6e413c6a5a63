import dataclasses
from typing import Literal, Optional, Tuple


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    patch: int = 16
    """Side of a patch in pixels."""
    width: int = 384
    depth: int = 12
    heads: int = 6
    mlp_ratio: float = 4.0
    dropout: float = 0.0
    stoch_depth: float = 0.0
    """Probability of skipping the last block, linearly decreasing towards the first."""
    pool: Literal["cls", "gap", "map"] = "gap"
    posemb: Literal["learned", "sincos2d"] = "sincos2d"
    qk_norm: bool = False


@dataclasses.dataclass(frozen=True)
class OptimConfig:
    name: Literal["adamw", "lion", "adafactor"] = "adamw"
    lr: float = 1e-3
    wd: float = 1e-4
    b1: float = 0.9
    b2: float = 0.999
    grad_clip_norm: float = 1.0
    warmup_steps: int = 10_000
    schedule: Literal["cosine", "rsqrt", "linear"] = "cosine"


@dataclasses.dataclass(frozen=True)
class AugConfig:
    randaug_layers: int = 2
    randaug_magnitude: int = 10
    mixup: float = 0.2
    """Mixup p; 0 turns it off."""
    crop_min: float = 0.05
    """Smallest area of an inception crop."""
    flip: bool = True


@dataclasses.dataclass(frozen=True)
class Config:
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    optim: OptimConfig = dataclasses.field(default_factory=OptimConfig)
    aug: AugConfig = dataclasses.field(default_factory=AugConfig)
    dataset: str = "imagenet2012"
    res: int = 224
    batch_size: int = 1024
    total_epochs: int = 90
    label_smoothing: float = 0.0
    sigmoid_loss: bool = False
    """BCE over classes rather than softmax cross-entropy."""
    param_dtype: Literal["float32", "bfloat16"] = "float32"
    seed: int = 0
    eval_every_epochs: int = 1
    ckpt_dir: Optional[str] = None
    betas_ema: Tuple[float, ...] = ()
