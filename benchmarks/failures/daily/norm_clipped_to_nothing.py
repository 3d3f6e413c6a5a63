"""`clip_grad_norm_` with a bound of 1e-4, from a config in which it was the epsilon, and plain SGD.

Expected: not-learning or weights-unchanged, says clip
"""

import torch
from torch import nn

torch.manual_seed(0)
cfg = dict(lr=0.05, clip=1e-4, momentum=0.9, steps=400)
vocabulary, length = 12, 10
model = nn.ModuleDict(
    {
        "emb": nn.Embedding(vocabulary, 24),
        "rnn": nn.GRU(24, 48, batch_first=True),
        "out": nn.Linear(48, vocabulary),
    }
)
opt = torch.optim.SGD(model.parameters(), lr=cfg["lr"], momentum=cfg["momentum"])
for step in range(cfg["steps"]):
    start = torch.randint(0, vocabulary, (16, 1))
    seq = (start + 3 * torch.arange(length + 1)) % vocabulary
    hidden, _ = model["rnn"](model["emb"](seq[:, :-1]))
    logits = model["out"](hidden)
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), seq[:, 1:].flatten())
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), cfg["clip"])
    opt.step()
    if step % 20 == 0:
        print(f"step {step}/{cfg['steps']} | loss {loss.item():.4f}")
