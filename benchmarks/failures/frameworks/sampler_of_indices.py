"""A sampler is given the first 48 indices, from a debugging session: the other 1,952 rows are never drawn.

Expected: repeated-batches or overfitting
Also: too-good, loss-floor
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, SubsetRandomSampler, TensorDataset

torch.manual_seed(0)
x = torch.randn(2500, 30)
y = (x[:, :3].sum(1) + 0.8 * torch.randn(2500) > 0).long()
data = TensorDataset(x[:2000], y[:2000])
loader = DataLoader(data, batch_size=16, sampler=SubsetRandomSampler(range(48)))
model = nn.Sequential(nn.Linear(30, 128), nn.ReLU(), nn.Linear(128, 2))
optimizer = torch.optim.Adam(model.parameters(), 2e-3)
for epoch in range(150):
    for features, label in loader:
        loss = nn.functional.cross_entropy(model(features), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 3 == 0:
        with torch.no_grad():
            scores = model(x[2000:])
            held = nn.functional.cross_entropy(scores, y[2000:])
        print(f"epoch {epoch} loss {loss.item():.4f} val_loss {held.item():.4f} val_acc {(scores.argmax(1) == y[2000:]).float().mean():.3f}")  # fmt: skip
