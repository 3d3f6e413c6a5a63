"""Character model in the style of nanoGPT: settings are module constants."""

import math

import torch
from model import GPT, GPTConfig

seed = 1337
max_iters = 5000
eval_interval = 250
eval_iters = 200
log_interval = 10
batch_size = 12
block_size = 256
n_layer = 6
n_head = 6
n_embd = 384
dropout = 0.2
learning_rate = 1e-3
min_lr = 1e-4
warmup_iters = 100
lr_decay_iters = 5000
weight_decay = 1e-1
beta1 = 0.9
beta2 = 0.99
grad_clip = 1.0
decay_lr = True
gradient_accumulation_steps = 1
device = "cpu"
dtype = "float32"
compile = False
out_dir = "out"

torch.manual_seed(seed)
model = GPT(
    GPTConfig(n_layer=n_layer, n_head=n_head, n_embd=n_embd, dropout=dropout, block_size=block_size)
)
optimizer = torch.optim.AdamW(
    model.parameters(), lr=learning_rate, betas=(beta1, beta2), weight_decay=weight_decay
)


def get_lr(it):
    if it < warmup_iters:
        return learning_rate * it / warmup_iters
    ratio = (it - warmup_iters) / (lr_decay_iters - warmup_iters)
    return min_lr + 0.5 * (1 + math.cos(math.pi * min(ratio, 1.0))) * (learning_rate - min_lr)


def get_batch(split):
    data = torch.randint(0, 65, (10000,))
    ix = torch.randint(len(data) - block_size - 1, (batch_size,))
    x = torch.stack([data[i : i + block_size] for i in ix])
    y = torch.stack([data[i + 1 : i + 1 + block_size] for i in ix])
    return x, y


for it in range(max_iters):
    for group in optimizer.param_groups:
        group["lr"] = get_lr(it) if decay_lr else learning_rate
    x, y = get_batch("train")
    loss = model(x, y)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), grad_clip)
    optimizer.step()
    if it % eval_interval == 0:
        print(f"step {it}: train loss {loss:.4f}, val loss {loss:.4f}")
