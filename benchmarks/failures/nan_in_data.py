"""House prices, made up; one cell of the table is missing (NaN) and nobody looked.

Expected: non-finite at step 58, rows 21, says input
Also: diverged
Fast
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1)
table = torch.randn(4000, 12)
price = table @ torch.randn(12, 1) + table[:, :1] * table[:, 1:2] + 0.3 * torch.randn(4000, 1)
table[1234, 7] = float("nan")
loader = DataLoader(TensorDataset(table, price), batch_size=64, shuffle=True)
model = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(5):
    for step, (rows, target) in enumerate(loader):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(rows), target)
        loss.backward()
        optimizer.step()
        if step % 20 == 0:
            print(f"epoch {epoch} step {step} mse {loss.item():.4f}")
