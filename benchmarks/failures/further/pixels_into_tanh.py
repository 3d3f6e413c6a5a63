"""Pixels from 0 to 255 go into a net of tanh layers as they are: the first layer is always at its ends.

Expected: vanishing-gradient or dead-units or initial-loss or not-learning or frozen-parameters, says satur or input or scale
Also: vanishing-gradient, dead-units, not-learning, validation-at-chance, initial-loss, loss-floor, weights-unchanged, frozen-parameters, overfitting
"""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
d = load_digits()
dataset = TensorDataset(
    torch.tensor(d.data * 255 / 16, dtype=torch.float32), torch.tensor(d.target)
)
train_ds, val_ds = random_split(dataset, [1500, 297])
train_dl = DataLoader(train_ds, batch_size=64, shuffle=True)
val_dl = DataLoader(val_ds, batch_size=297)
model = nn.Sequential()
for i, (a, b) in enumerate([(64, 100), (100, 100), (100, 100)]):
    model.add_module(f"fc{i}", nn.Linear(a, b))
    nn.init.normal_(model[-1].weight, std=0.5)
    model.add_module(f"tanh{i}", nn.Tanh())
model.add_module("out", nn.Linear(100, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for epoch in range(15):
    for x, y in train_dl:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        x, y = next(iter(val_dl))
        out = model(x)
    print(
        f"epoch {epoch} train/loss {loss.item():.4f} val/loss {nn.functional.cross_entropy(out, y).item():.4f} val/acc {(out.argmax(1) == y).float().mean().item():.4f}"
    )
