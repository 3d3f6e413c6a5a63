"""The last layer of a classifier ends in a ReLU before the cross-entropy; with a warm rate whole classes go silent.

Expected: dead-units or not-learning or loss-floor
Also: dead-units, not-learning, loss-floor, validation-at-chance, frozen-parameters, weights-unchanged
"""

import itertools

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(11)
d = load_digits()
X = torch.tensor(d.data / 16, dtype=torch.float32)
Y = torch.tensor(d.target)


class MLP(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))

    def forward(self, x):
        for layer in self.layers:
            x = F.relu(layer(x))
        return x


model = MLP([64, 128, 64, 10])
optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
for epoch in range(15):
    order = torch.randperm(1500)
    for i in range(0, 1500, 50):
        batch = order[i : i + 50]
        loss = F.cross_entropy(model(X[batch]), Y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val_loss = F.cross_entropy(model(X[1500:]), Y[1500:]).item()
        val_acc = (model(X[1500:]).argmax(1) == Y[1500:]).float().mean().item()
    print(f"epoch={epoch} loss={loss.item():.4f} val_loss={val_loss:.4f} val_acc={val_acc:.4f}")
