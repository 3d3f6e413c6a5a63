"""`max_batches = 2` from a quick test is still there, and the loader does not shuffle: the other batches are never drawn.

Expected: repeated-batches
Also: overfitting, too-good
"""

import itertools

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
config = {"lr": 1e-3, "epochs": 60, "batch_size": 32, "max_batches": 2}
d = load_digits()
data = torch.tensor(d.data, dtype=torch.float32) / 16.0
target = torch.tensor(d.target)
perm = torch.randperm(len(data))
data, target = data[perm], target[perm]
train_loader = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(data[:1400], target[:1400]), config["batch_size"]
)
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=config["lr"])


def train_one_epoch():
    model.train()
    total, n = 0.0, 0
    for x, t in itertools.islice(train_loader, config["max_batches"]):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), t)
        loss.backward()
        optimizer.step()
        total, n = total + loss.item(), n + 1
    return total / n


for epoch in range(config["epochs"]):
    train_loss = train_one_epoch()
    model.eval()
    with torch.no_grad():
        acc = (model(data[1400:]).argmax(1) == target[1400:]).float().mean()
    print(f"{epoch=} {train_loss=:.4f} val_acc={acc:.4f}")
