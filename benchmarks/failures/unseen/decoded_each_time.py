"""A dataset decodes its rows each time they are asked for, in the training's own process.

Expected: input-bound
"""

import time

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Rows(Dataset):
    def __len__(self):
        return 800

    def __getitem__(self, index):
        end = time.perf_counter() + 0.0008
        while time.perf_counter() < end:
            pass
        row = torch.sin(torch.arange(20.0) * (index + 1))
        return row, row[:5].sum()


model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(22):
    for x, y in DataLoader(Rows(), batch_size=16, shuffle=True):
        loss = (model(x).squeeze(1) - y).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} train_loss {loss.item():.4f}")
