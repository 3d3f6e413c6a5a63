"""The vocabulary holds lower-case words, the texts are looked up as they stand in capitals: every word is `<unk>`.

Expected: not-learning, says same or input
Also: validation-at-chance, loss-floor, repeated-batches
"""

import random

import torch
from torch import nn

random.seed(0)
torch.manual_seed(13)
GOOD = "great lovely superb charming bright fresh warm moving".split()
BAD = "dull awful boring flat cold stale clumsy weak".split()
PLAIN = "the film plot actor scene was with and a very".split()


def review():
    label = random.randrange(2)
    words = random.choices(PLAIN, k=8) + random.choices(GOOD if label else BAD, k=3)
    random.shuffle(words)
    return " ".join(words).upper(), label


reviews = [review() for _ in range(1400)]
vocab = {"<unk>": 0}
for word in GOOD + BAD + PLAIN:
    vocab.setdefault(word, len(vocab))


def encode(text):
    return torch.tensor([vocab.get(word, 0) for word in text.split()])


X = torch.stack([encode(text) for text, _ in reviews])
Y = torch.tensor([label for _, label in reviews])


class LSTMClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(vocab), 24)
        self.lstm = nn.LSTM(24, 32, batch_first=True)
        self.fc = nn.Linear(32, 2)

    def forward(self, x):
        _, (h, _) = self.lstm(self.embedding(x))
        return self.fc(h[-1])


model = LSTMClassifier()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(10):
    model.train()
    perm = torch.randperm(1200)
    total = 0.0
    for i in range(0, 1200, 40):
        rows = perm[i : i + 40]
        loss = nn.functional.cross_entropy(model(X[rows]), Y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / 30
    model.eval()
    with torch.no_grad():
        acc = (model(X[1200:]).argmax(1) == Y[1200:]).float().mean().item()
    print(f"Epoch {epoch}: loss={total:.4f} val_acc={acc:.4f}")
