"""A Dataset parses the JSON of a row, with a thousand numbers, each time it is asked for, with no worker.

Expected: input-bound
"""

import json

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class JsonRows(Dataset):
    def __init__(self, n=600, width=1000):
        y = torch.randint(0, 3, (n,))
        x = torch.randn(3, width)[y] * 0.1 + torch.randn(n, width)
        self.lines = [
            json.dumps({"x": row.tolist(), "y": int(label)})
            for row, label in zip(x, y, strict=False)
        ]

    def __len__(self):
        return len(self.lines)

    def __getitem__(self, index):
        row = json.loads(self.lines[index])
        return torch.tensor(row["x"]), row["y"]


loader = DataLoader(JsonRows(), batch_size=20, shuffle=True, num_workers=0)
model = nn.Linear(1000, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
for epoch in range(8):
    total = 0.0
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch}: train loss {total / len(loader):.4f}", flush=True)
