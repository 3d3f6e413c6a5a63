"""A character-level transformer on the reference text that ships with Python (pydoc's topics).

In the style of nanoGPT: settings are module constants, the log is printed.
"""

import math
import time
from pydoc_data.topics import topics

import torch
from torch import nn
from torch.nn import functional as F

# settings
seed = 0
max_iters = 300
eval_interval = 50
eval_iters = 5
log_interval = 10
batch_size = 16
block_size = 64
n_layer = 2
n_head = 4
n_embd = 64
learning_rate = 1e-3
min_lr = 1e-4
warmup_iters = 20
grad_clip = 1.0
out_path = "model.pt"


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1 = nn.LayerNorm(n_embd)
        self.attn = nn.MultiheadAttention(n_embd, n_head, batch_first=True)
        self.ln_2 = nn.LayerNorm(n_embd)
        self.mlp = nn.Sequential(nn.Linear(n_embd, 4 * n_embd), nn.GELU(), nn.Linear(4 * n_embd, n_embd))

    def forward(self, x, mask):
        h = self.ln_1(x)
        x = x + self.attn(h, h, h, attn_mask=mask, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class Model(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.token = nn.Embedding(vocabulary, n_embd)
        self.position = nn.Embedding(block_size, n_embd)
        self.blocks = nn.ModuleList(Block() for _ in range(n_layer))
        self.ln = nn.LayerNorm(n_embd)
        self.head = nn.Linear(n_embd, vocabulary)
        self.register_buffer("mask", torch.triu(torch.ones(block_size, block_size, dtype=torch.bool), 1))

    def forward(self, ids, targets):
        x = self.token(ids) + self.position(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x, self.mask)
        logits = self.head(self.ln(x))
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def get_batch(data):
    starts = torch.randint(len(data) - block_size - 1, (batch_size,))
    x = torch.stack([data[i : i + block_size] for i in starts])
    y = torch.stack([data[i + 1 : i + 1 + block_size] for i in starts])
    return x, y


def get_lr(it):
    if it < warmup_iters:
        return learning_rate * (it + 1) / warmup_iters
    ratio = (it - warmup_iters) / max(1, max_iters - warmup_iters)
    return min_lr + 0.5 * (1 + math.cos(math.pi * ratio)) * (learning_rate - min_lr)


@torch.no_grad()
def estimate_loss(model, train_data, val_data):
    model.eval()
    losses = [
        torch.stack([model(*get_batch(data)) for _ in range(eval_iters)]).mean().item()
        for data in (train_data, val_data)
    ]
    model.train()
    return losses


if __name__ == "__main__":
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    text = "".join(topics[name] for name in sorted(topics))
    characters = sorted(set(text))
    code = {c: i for i, c in enumerate(characters)}
    data = torch.tensor([code[c] for c in text[:300_000]])
    cut = int(0.9 * len(data))
    train_data, val_data = data[:cut], data[cut:]
    model = Model(len(characters))
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.1)
    print(f"number of parameters: {sum(p.numel() for p in model.parameters()) / 1e6:.2f}M")

    t0 = time.time()
    for it in range(max_iters + 1):
        for group in optimizer.param_groups:
            group["lr"] = get_lr(it)
        if it % eval_interval == 0:
            train_loss, val_loss = estimate_loss(model, train_data, val_data)
            print(f"step {it}: train loss {train_loss:.4f}, val loss {val_loss:.4f}")
        loss = model(*get_batch(train_data))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), grad_clip)
        optimizer.step()
        t1 = time.time()
        if it % log_interval == 0:
            print(f"iter {it}: loss {loss.item():.4f}, time {(t1 - t0) * 1000:.2f}ms")
        t0 = t1
    torch.save(model.state_dict(), out_path)
