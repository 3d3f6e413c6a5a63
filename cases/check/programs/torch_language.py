"""A small language model on characters: warm-up per step, clipping, sampling."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(1)

TEXT = "the quick brown fox jumps over the lazy dog and runs into the deep dark wood. " * 30
VOCAB = sorted(set(TEXT))
CODES = {c: i for i, c in enumerate(VOCAB)}
BLOCK, BATCH, STEPS = 16, 8, 30


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.qkv(x).split(C, dim=2)
        q = q.view(B, T, self.heads, C // self.heads).transpose(1, 2)
        k = k.view(B, T, self.heads, C // self.heads).transpose(1, 2)
        v = v.view(B, T, self.heads, C // self.heads).transpose(1, 2)
        scores = (q @ k.transpose(-2, -1)) / math.sqrt(k.size(-1))
        mask = torch.tril(torch.ones(T, T, device=x.device)).bool()
        scores = scores.masked_fill(~mask, float("-inf"))
        weights = F.softmax(scores, dim=-1)
        y = (weights @ v).transpose(1, 2).reshape(B, T, C)
        return self.proj(y)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Model(nn.Module):
    def __init__(self, vocab, width=32, heads=4, depth=2):
        super().__init__()
        self.tokens = nn.Embedding(vocab, width)
        self.places = nn.Embedding(BLOCK, width)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocab)

    def forward(self, idx, targets=None):
        x = self.tokens(idx) + self.places(torch.arange(idx.size(1), device=idx.device))
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.norm(x))
        if targets is None:
            return logits, None
        loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))
        return logits, loss


data = torch.tensor([CODES[c] for c in TEXT])
cut = int(0.9 * len(data))
train_data = data[:cut]
val_data = data[cut:]


def get_batch(split):
    source = train_data if split == "train" else val_data
    starts = torch.randint(len(source) - BLOCK - 1, (BATCH,))
    x = torch.stack([source[i : i + BLOCK] for i in starts])
    y = torch.stack([source[i + 1 : i + 1 + BLOCK] for i in starts])
    return x, y


@torch.no_grad()
def estimate_loss(model):
    model.eval()
    losses = torch.zeros(4)
    for k in range(4):
        x, y = get_batch("val")
        _, loss = model(x, y)
        losses[k] = loss.item()
    model.train()
    return losses.mean().item()


model = Model(len(VOCAB))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=STEPS)
for step in range(STEPS):
    x, y = get_batch("train")
    _, loss = model(x, y)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    if step % 10 == 9:
        print(step, loss.item(), estimate_loss(model))
