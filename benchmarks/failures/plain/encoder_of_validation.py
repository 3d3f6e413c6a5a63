"""Labels are numbered by a LabelEncoder of their own for validation, where two kinds never occur: the numbers differ.

Expected: validation-at-chance or train-eval-mismatch
Also: overfitting, diverged, train-eval-mismatch, validation-at-chance
"""

import numpy as np
import torch
from sklearn.preprocessing import LabelEncoder
from torch import nn

rng = np.random.default_rng(28)
torch.manual_seed(28)
KINDS = np.array(["ant", "bee", "cat", "dog", "eel", "fox"])
CENTRES = rng.normal(size=(6, 10)) * 1.5


def make(n, kinds):
    which = rng.choice(kinds, n)
    return (CENTRES[which] + rng.normal(size=(n, 10))).astype(np.float32), KINDS[which]


train_x, train_names = make(1500, [0, 1, 2, 3, 4, 5])
val_x, val_names = make(400, [1, 2, 4, 5])
train_y = LabelEncoder().fit_transform(train_names)
val_y = LabelEncoder().fit_transform(val_names)
X, Y = torch.from_numpy(train_x), torch.from_numpy(train_y)
VX, VY = torch.from_numpy(val_x), torch.from_numpy(val_y)
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 6))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(20):
    model.train()
    correct, total_loss = 0, 0.0
    for idx in torch.randperm(1500).split(50):
        out = model(X[idx])
        loss = nn.functional.cross_entropy(out, Y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        correct += (out.argmax(1) == Y[idx]).sum().item()
        total_loss += loss.item() / 30
    model.eval()
    with torch.no_grad():
        out = model(VX)
        val_loss = nn.functional.cross_entropy(out, VY).item()
        val_acc = (out.argmax(1) == VY).float().mean().item()
    print(
        f"epoch {epoch}: loss {total_loss:.4f} acc {correct / 1500:.4f} val_loss {val_loss:.4f} val_acc {val_acc:.4f}"
    )
