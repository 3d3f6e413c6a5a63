"""A language model whose targets are the inputs themselves, not shifted by one: it copies, and is perfect at once.

Expected: too-good
Also: overfitting
"""

import torch
import torch.nn as nn

torch.manual_seed(0)
text = ("the quick brown fox jumps over the lazy dog. " * 3 + "how vexingly quick daft zebras jump! "
        + "pack my box with five dozen liquor jugs. ") * 12  # fmt: skip
chars = sorted(set(text))
ids = torch.tensor([chars.index(c) for c in text])
cut = int(0.9 * len(ids))


class CharGRU(nn.Module):
    def __init__(self, vocab, dim=48):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.lm_head = nn.Linear(dim, vocab)

    def forward(self, idx):
        return self.lm_head(self.rnn(self.emb(idx))[0])


def get_batch(part, size=16, block=32):
    source = ids[:cut] if part == "train" else ids[cut:]
    at = torch.randint(0, len(source) - block, (size,))
    x = torch.stack([source[i : i + block] for i in at])
    y = torch.stack([source[i : i + block] for i in at])
    return x, y


model = CharGRU(len(chars))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for it in range(400):
    x, y = get_batch("train")
    logits = model(x)
    loss = nn.functional.cross_entropy(logits.view(-1, logits.size(-1)), y.view(-1))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    if it % 25 == 0:
        with torch.no_grad():
            vx, vy = get_batch("val")
            v = model(vx)
            val = nn.functional.cross_entropy(v.view(-1, v.size(-1)), vy.view(-1))
        print(f"iter {it}: train loss {loss.item():.4f}, val loss {val.item():.4f}")
