"""The wine table lies in order of its three classes; the loader was made without `shuffle`.

Expected: unshuffled-data
Also: overfitting, not-learning, validation-at-chance, diverged, repeated-batches
"""

import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
raw = load_wine()
feats = torch.tensor(raw.data, dtype=torch.float32)
feats = (feats - feats.mean(0)) / feats.std(0)
target = torch.tensor(raw.target)
holdout = torch.zeros(len(target), dtype=torch.bool)
holdout[::4] = True
train_loader = DataLoader(TensorDataset(feats[~holdout], target[~holdout]), batch_size=12)
model = nn.Sequential(nn.Linear(13, 24), nn.ReLU(), nn.Linear(24, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()
for epoch in range(30):
    model.train()
    losses = []
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        out = model(feats[holdout])
    acc = (out.argmax(1) == target[holdout]).float().mean()
    print(
        f"[{epoch + 1:>2}/30] train_loss: {sum(losses) / len(losses):.5f} val_loss: {criterion(out, target[holdout]):.5f} val_acc: {acc:.4f}"
    )
