"""A stream gives all rows of one class before it goes on to the next.

Expected: unshuffled-data
Also: diverged, initial-loss
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

torch.manual_seed(0)
centers = torch.randn(8, 16) * 2


class Stream(IterableDataset):
    def __iter__(self):
        for label in range(8):
            for _ in range(320):
                yield centers[label] + torch.randn(16), label


model = nn.Sequential(nn.Linear(16, 48), nn.LeakyReLU(), nn.Linear(48, 8))
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
step = 0
for epoch in range(6):
    for batch, labels in DataLoader(Stream(), batch_size=32):
        loss = nn.functional.cross_entropy(model(batch), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0:
            print(f"epoch {epoch} step {step} loss {loss.item():.4f}")
        step += 1
