"""A character GPT with initial deviations of 0.02, warm-up, cosine, clipping and estimates of both losses.

Expected: nothing
"""

import math

import torch
import torch.nn as nn
from torch.nn import functional as F

torch.manual_seed(3)
text = "to be or not to be that is the question whether tis nobler in the mind to suffer " * 80
chars = sorted(set(text))
data = torch.tensor([chars.index(c) for c in text])
BLOCK, DIM, V = 32, 48, len(chars)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(DIM), nn.LayerNorm(DIM)
        self.qkv, self.proj = nn.Linear(DIM, 3 * DIM), nn.Linear(DIM, DIM)
        self.mlp = nn.Sequential(
            nn.Linear(DIM, 4 * DIM), nn.GELU(), nn.Linear(4 * DIM, DIM), nn.Dropout(0.1)
        )

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (
            z.view(b, t, 4, c // 4).transpose(1, 2) for z in self.qkv(self.ln1(x)).split(c, 2)
        )
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).reshape(b, t, c))
        return x + self.mlp(self.ln2(x))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok, self.pos = nn.Embedding(V, DIM), nn.Embedding(BLOCK, DIM)
        self.blocks = nn.Sequential(Block(), Block())
        self.ln, self.head = nn.LayerNorm(DIM), nn.Linear(DIM, V, bias=False)
        self.apply(self._init)

    def _init(self, m):
        if isinstance(m, (nn.Linear, nn.Embedding)):
            nn.init.normal_(m.weight, 0, 0.02)

    def forward(self, idx, targets):
        x = self.blocks(self.tok(idx) + self.pos(torch.arange(idx.shape[1])))
        logits = self.head(self.ln(x))
        return F.cross_entropy(logits.view(-1, V), targets.view(-1))


def get_batch(part):
    lo, hi = (0, int(0.9 * len(data))) if part == "train" else (int(0.9 * len(data)), len(data))
    ix = torch.randint(lo, hi - BLOCK - 1, (16,))
    return torch.stack([data[i : i + BLOCK] for i in ix]), torch.stack(
        [data[i + 1 : i + 1 + BLOCK] for i in ix]
    )


@torch.no_grad()
def estimate(model):
    model.eval()
    out = {
        part: sum(model(*get_batch(part)).item() for _ in range(4)) / 4 for part in ("train", "val")
    }
    model.train()
    return out


model = GPT()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.95), weight_decay=0.1)
for it in range(300):
    lr = (
        2e-3 * (it + 1) / 20
        if it < 20
        else 2e-4 + 0.5 * 1.8e-3 * (1 + math.cos(math.pi * (it - 20) / 280))
    )
    for group in optimizer.param_groups:
        group["lr"] = lr
    if it % 50 == 0:
        losses = estimate(model)
        print(f"step {it}: train loss {losses['train']:.4f}, val loss {losses['val']:.4f}")
    loss = model(*get_batch("train"))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if it % 10 == 0:
        print(f"iter {it}: loss {loss.item():.4f}")
