"""A dataset opens its compressed archive anew for every row that it is asked for.

Expected: input-bound
Also: slowdown
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(25)
rng = np.random.default_rng(0)
signals = rng.normal(size=(512, 256)).astype(np.float32)
targets = (signals[:, :128].mean(1) > signals[:, 128:].mean(1)).astype(np.int64)
np.savez_compressed("signals.npz", x=signals, y=targets)


class Signals(Dataset):
    def __init__(self, path):
        self.path = Path(path)

    def __len__(self):
        return 512

    def __getitem__(self, i):
        archive = np.load(self.path)
        return torch.from_numpy(archive["x"][i]), archive["y"][i]


loader = DataLoader(Signals("signals.npz"), batch_size=16, shuffle=True)
model = nn.Sequential(
    nn.Unflatten(1, (1, 256)),
    nn.Conv1d(1, 8, 9, stride=4),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(496, 2),
)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(4):
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")
