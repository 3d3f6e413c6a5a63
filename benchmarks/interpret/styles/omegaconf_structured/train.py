from dataclasses import dataclass, field
from typing import List, Optional
from omegaconf import OmegaConf, MISSING
import torch, torch.nn as nn

@dataclass
class ModelConfig:
    n_layer: int = 6
    n_head: int = 6
    n_embd: int = 384
    block_size: int = 256
    dropout: float = 0.2

@dataclass
class TrainConfig:
    lr: float = 6e-4
    betas: List[float] = field(default_factory=lambda: [0.9, 0.95])
    weight_decay: float = 0.1
    grad_clip: float = 1.0
    batch_size: int = 64
    max_iters: int = 5000
    warmup: int = 100
    compile: bool = False

@dataclass
class Config:
    data: str = MISSING
    seed: int = 1337
    resume: Optional[str] = None
    out_dir: str = "out/${seed}"
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

cfg = OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.load("base.yaml"), OmegaConf.from_cli())
m, t = cfg.model, cfg.train
torch.manual_seed(cfg.seed)
ids = torch.load(cfg.data)

class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok, self.pos = nn.Embedding(65, m.n_embd), nn.Embedding(m.block_size, m.n_embd)
        layer = nn.TransformerEncoderLayer(m.n_embd, m.n_head, 4 * m.n_embd, m.dropout, batch_first=True)
        self.h, self.out = nn.TransformerEncoder(layer, m.n_layer), nn.Linear(m.n_embd, 65)
    def forward(self, x):
        mask = nn.Transformer.generate_square_subsequent_mask(x.size(1))
        return self.out(self.h(self.tok(x) + self.pos.weight[: x.size(1)], mask))

net = GPT()
if cfg.resume:
    net.load_state_dict(torch.load(cfg.resume))
net = torch.compile(net) if t.compile else net
opt = torch.optim.AdamW(net.parameters(), t.lr, betas=tuple(t.betas), weight_decay=t.weight_decay)
for it in range(t.max_iters):
    opt.param_groups[0]["lr"] = t.lr * min(1, (it + 1) / t.warmup)
    ix = torch.randint(len(ids) - m.block_size - 1, (t.batch_size,))
    b = torch.stack([ids[i:i + m.block_size + 1] for i in ix])
    loss = nn.functional.cross_entropy(net(b[:, :-1]).flatten(0, 1), b[:, 1:].flatten())
    opt.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(net.parameters(), t.grad_clip); opt.step()
torch.save(net.state_dict(), f"{cfg.out_dir}/ckpt.pt")
