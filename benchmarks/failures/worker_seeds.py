"""Next characters; windows are drawn by a generator that every worker copies, so that they repeat.

Expected: repeated-batches
Also: overfitting
"""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

TEXT = "the quick brown fox jumps over the lazy dog and the slow red hen runs under a tall tree "


class Windows(Dataset):
    def __init__(self, length, count):
        draw = np.random.default_rng(1)
        words = TEXT.split()
        text = " ".join(draw.choice(words, 20_000))
        self.letters = sorted(set(text))
        self.text = torch.tensor([self.letters.index(c) for c in text])
        self.length, self.count = length, count
        self.rng = np.random.default_rng(0)

    def __len__(self):
        return self.count

    def __getitem__(self, _):
        start = int(self.rng.integers(len(self.text) - self.length - 1))
        piece = self.text[start : start + self.length + 1]
        return piece[:-1], piece[1:]


class Net(nn.Module):
    def __init__(self, letters):
        super().__init__()
        self.embed = nn.Embedding(letters, 32)
        self.rnn = nn.GRU(32, 64, batch_first=True)
        self.head = nn.Linear(64, letters)

    def forward(self, x):
        return self.head(self.rnn(self.embed(x))[0])


if __name__ == "__main__":
    torch.manual_seed(0)
    data = Windows(length=32, count=1600)
    loader = DataLoader(data, batch_size=16, num_workers=2)
    model = Net(len(data.letters))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for epoch in range(2):
        for step, (now, following) in enumerate(loader):
            loss = nn.functional.cross_entropy(model(now).flatten(0, 1), following.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % 20 == 0:
                print(f"epoch {epoch} step {step} loss {loss.item():.4f}")
