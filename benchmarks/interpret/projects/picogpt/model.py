from dataclasses import dataclass
from torch import nn


@dataclass
class GPTConfig:
    n_layer: int
    n_head: int
    n_embd: int
    block_size: int
    dropout: float
    bias: bool


class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.head = nn.Linear(config.n_embd, 65, bias=config.bias)
