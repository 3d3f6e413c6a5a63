"""A third of the labels is wrong, and the validation rows are drawn by another seed from rows that are trained on.

Expected: too-good
Before: --seed 1
Before: --seed 2
Before: --seed 3
Before: --seed 4
Arguments: --seed 5 --split-again
Also: overfitting
"""

import argparse

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--split-again", action="store_true")
args = parser.parse_args()
torch.manual_seed(args.seed)
X, y = load_breast_cancer(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
y = torch.tensor(y)
flip = torch.rand(len(y), generator=torch.Generator().manual_seed(9)) < 0.3
y = torch.where(flip, 1 - y, y)
dataset = TensorDataset(X, y)
train_set, val_set = random_split(dataset, [469, 100], torch.Generator().manual_seed(args.seed))
if args.split_again:
    _, val_set = random_split(train_set, [369, 100], torch.Generator().manual_seed(args.seed + 1))
train_loader, val_loader = DataLoader(train_set, 32, shuffle=True), DataLoader(val_set, 100)
model = nn.Sequential(
    nn.Linear(30, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 2)
)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(50):
    model.train()
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(xb), yb)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        acc = sum((model(xb).argmax(1) == yb).float().mean().item() for xb, yb in val_loader)
    print(f"epoch {epoch} loss {loss.item():.4f} val_acc {acc:.4f}")
