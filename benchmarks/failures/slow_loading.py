"""Digits on a slow disk: each image takes 1 ms to read, and no worker reads ahead.

Expected: input-bound
"""

import time

import torch
from data import digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class OnDisk(Dataset):
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, row):
        time.sleep(0.001)
        return self.x[row], self.y[row]


torch.manual_seed(0)
x, y, _, _ = digits()
loader = DataLoader(OnDisk(x, y), batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(2):
    for step, (images, labels) in enumerate(loader):
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 0:
            print(f"epoch {epoch} step {step} loss {loss.item():.4f}")
