"""A small GPT ties its output layer to an embedding that keeps the default deviation of 1: it begins far above ln 96.

Expected: initial-loss
Also: spike
"""

import math

import torch
import torch.nn as nn
from torch.nn import functional as F

torch.manual_seed(23)
VOCAB, BLOCK, DIM = 96, 32, 64
text = torch.tensor([(7 * i + i * i // 3 + (i % 5) * 11) % VOCAB for i in range(12000)])


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(DIM), nn.LayerNorm(DIM)
        self.attn = nn.MultiheadAttention(DIM, 4, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(DIM, 4 * DIM), nn.GELU(), nn.Linear(4 * DIM, DIM))

    def forward(self, x):
        t = x.shape[1]
        mask = torch.triu(torch.ones(t, t, dtype=torch.bool), 1)
        h = self.ln_1(x)
        x = x + self.attn(h, h, h, attn_mask=mask, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte = nn.Embedding(VOCAB, DIM)
        self.wpe = nn.Embedding(BLOCK, DIM)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.ln_f = nn.LayerNorm(DIM)
        self.lm_head = nn.Linear(DIM, VOCAB, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, idx):
        x = self.wte(idx) + self.wpe(torch.arange(idx.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.lm_head(self.ln_f(x))


def get_batch(lo, hi, n=16):
    at = torch.randint(lo, hi - BLOCK - 1, (n,))
    return (torch.stack([text[i : i + BLOCK] for i in at]),
            torch.stack([text[i + 1 : i + 1 + BLOCK] for i in at]))  # fmt: skip


model = GPT()
opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
for it in range(200):
    lr = 1e-3 * min(1.0, (it + 1) / 20) * (0.5 + 0.5 * math.cos(math.pi * it / 200))
    opt.param_groups[0]["lr"] = lr
    xb, yb = get_batch(0, 10000)
    loss = F.cross_entropy(model(xb).view(-1, VOCAB), yb.view(-1))
    opt.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    if it % 10 == 0:
        print(f"iter {it}: loss {loss.item():.4f}, lr {lr:.2e}")
