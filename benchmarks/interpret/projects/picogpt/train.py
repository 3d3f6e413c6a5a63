import math
import time
import torch
from model import GPT, GPTConfig

# io
out_dir = "out"
eval_interval = 500
log_interval = 10
eval_iters = 100
always_save_checkpoint = False
init_from = "scratch"  # scratch | resume | gpt2
# data
dataset = "shakespeare_char"
batch_size = 32
block_size = 256
gradient_accumulation_steps = 1
# model
n_layer = 6
n_head = 6
n_embd = 384
dropout = 0.2
bias = False
# adamw
learning_rate = 1e-3
max_iters = 5000
weight_decay = 1e-1
beta1 = 0.9
beta2 = 0.99
grad_clip = 1.0
# schedule
decay_lr = True
warmup_iters = 100
lr_decay_iters = 5000
min_lr = 1e-4
# system
device = "cuda"
dtype = "bfloat16"
compile = True
seed = 1337

torch.manual_seed(seed)
model = GPT(GPTConfig(n_layer, n_head, n_embd, block_size, dropout, bias))
optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, betas=(beta1, beta2), weight_decay=weight_decay)


def get_lr(it):
    if it < warmup_iters:
        return learning_rate * it / warmup_iters
    if it > lr_decay_iters:
        return min_lr
    ratio = (it - warmup_iters) / (lr_decay_iters - warmup_iters)
    return min_lr + 0.5 * (1 + math.cos(math.pi * ratio)) * (learning_rate - min_lr)


for it in range(max_iters):
    for group in optimizer.param_groups:
        group["lr"] = get_lr(it) if decay_lr else learning_rate
    if it % eval_interval == 0:
        print(f"step {it}: train loss {0:.4f}, val loss {0:.4f}")
    if it % log_interval == 0:
        print(f"iter {it}: loss {0:.4f}, time {0:.2f}ms")
