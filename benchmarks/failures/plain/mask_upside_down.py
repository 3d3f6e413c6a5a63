"""The mask of a hand-written attention is upside down: words are hidden, padding is not, and a full text has nothing left.

Expected: non-finite
Also: hidden-nan, not-learning
"""

import math

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

torch.manual_seed(2)
PAD, VOCAB = 0, 60


def sentence():
    n = int(torch.randint(5, 17, (1,)))
    words = torch.randint(1, VOCAB, (n,))
    return words, int((words < 20).sum() > (words >= 40).sum())


class SelfAttention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(dim, dim), nn.Linear(dim, dim), nn.Linear(dim, dim)

    def forward(self, x, mask):
        scores = self.q(x) @ self.k(x).transpose(1, 2) / math.sqrt(x.shape[-1])
        scores = scores.masked_fill(mask.unsqueeze(1), float("-inf"))
        return torch.softmax(scores, dim=-1) @ self.v(x)


class Classifier(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, dim, padding_idx=PAD)
        self.attention = SelfAttention(dim)
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, 2)

    def forward(self, tokens):
        mask = tokens != PAD
        x = self.embed(tokens)
        x = self.norm(x + self.attention(x, mask))
        return self.head((x * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True))


model = Classifier()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4)
for step in range(200):
    batch = [sentence() for _ in range(32)]
    tokens = pad_sequence([words for words, _ in batch], batch_first=True)
    labels = torch.tensor([label for _, label in batch])
    loss = nn.functional.cross_entropy(model(tokens), labels)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 10 == 0:
        print({"step": step, "loss": round(loss.item(), 4)})
