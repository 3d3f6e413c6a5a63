"""A GRU tagger trained by steps; `evaluate` at step 100 switches to evaluation mode, and nothing switches back.

Expected: train-eval-mismatch at step 100±4
Also: overfitting
"""

import torch
from torch import nn

torch.manual_seed(0)
VOCAB, TAGS = 60, 6
tag_of = torch.randint(0, TAGS, (VOCAB,))


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, 24)
        self.drop = nn.Dropout(0.3)
        self.gru = nn.GRU(24, 32, batch_first=True, bidirectional=True)
        self.norm = nn.BatchNorm1d(64)
        self.out = nn.Linear(64, TAGS)

    def forward(self, x):
        h, _ = self.gru(self.drop(self.embed(x)))
        h = self.norm(h.transpose(1, 2)).transpose(1, 2)
        return self.out(self.drop(h))


def sample(n=24, length=12):
    x = torch.randint(0, VOCAB, (n, length))
    y = tag_of[x]
    y[:, 1:] = (y[:, 1:] + (x[:, :-1] < 10).long()) % TAGS
    return x, y


def loss_of(model, x, y):
    return nn.functional.cross_entropy(model(x).flatten(0, 1), y.flatten())


def evaluate(model, batches):
    model.eval()
    with torch.no_grad():
        return sum(loss_of(model, x, y).item() for x, y in batches) / len(batches)


held_out = [sample() for _ in range(6)]
model = Tagger()
model.train()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(1, 601):
    x, y = sample()
    loss = loss_of(model, x, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(f"step {step:5d}  loss {loss.item():.4f}")
    if step % 100 == 0:
        print(f"step {step:5d}  valid_loss {evaluate(model, held_out):.4f}")
