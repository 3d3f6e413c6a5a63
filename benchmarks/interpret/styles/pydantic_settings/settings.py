from pathlib import Path
from typing import Literal, Optional
from pydantic import BaseModel, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

class ModelCfg(BaseModel):
    dim: int = 64
    n_layers: int = Field(3, ge=1)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    activation: Literal["relu", "gelu"] = "relu"

class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="RANKER_", env_nested_delimiter="__", env_file=".env", extra="ignore")
    data_dir: Path = Path("data/ml-20m")
    lr: float = 1e-3
    l2: float = 1e-6
    batch_size: int = Field(4096, description="interactions per step")
    epochs: int = 20
    n_negatives: int = 4
    top_k: list[int] = [10, 50]
    seed: Optional[int] = None
    device: str = "cuda:0"
    model: ModelCfg = Field(default_factory=ModelCfg)
