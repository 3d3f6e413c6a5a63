"""A series forecast from its past: windows in the order of time, `shuffle=False` on purpose.

Expected: nothing
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
time = torch.arange(4000.0)
series = (time / 12).sin() + 0.5 * (time / 91).cos() + 0.1 * torch.randn(4000)
windows = series.unfold(0, 33, 1)
x, y = windows[:, :32], windows[:, 32:]
train = DataLoader(TensorDataset(x[:3200], y[:3200]), batch_size=32, shuffle=False)
model = nn.Sequential(nn.Linear(32, 64), nn.Tanh(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(15):
    total = 0.0
    for past, following in train:
        loss = nn.functional.mse_loss(model(past), following)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        validation = nn.functional.mse_loss(model(x[3300:]), y[3300:]).item()
    print(f"epoch {epoch} train_mse {total / len(train):.4f} val_mse {validation:.4f}")
