"""A margin loss with class centres of its own: the optimizer is given the parameters of the net, not of the loss.

Expected: frozen-parameters or weights-unchanged
Also: overfitting
"""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(0)


class CosineMargin(nn.Module):
    def __init__(self, dim, classes, scale=16.0, margin=0.2):
        super().__init__()
        self.centres = nn.Parameter(torch.randn(classes, dim))
        self.scale, self.margin = scale, margin

    def forward(self, emb, y):
        cos = F.linear(F.normalize(emb), F.normalize(self.centres))
        shifted = cos - self.margin * F.one_hot(y, cos.shape[1])
        return F.cross_entropy(self.scale * shifted, y), cos


data = load_digits()
X = torch.tensor(data.data, dtype=torch.float32) / 16
Y = torch.tensor(data.target)
order = torch.randperm(len(X))
train, val = order[:1400], order[1400:]
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))
criterion = CosineMargin(8, 10)
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
for epoch in range(12):
    net.train()
    epoch_loss, n = 0.0, 0
    for idx in train[torch.randperm(len(train))].split(50):
        loss, _ = criterion(net(X[idx]), Y[idx])
        optimizer.zero_grad()
        criterion.zero_grad()
        loss.backward()
        optimizer.step()
        epoch_loss, n = epoch_loss + loss.item(), n + 1
    net.eval()
    with torch.no_grad():
        vloss, cos = criterion(net(X[val]), Y[val])
        acc = (cos.argmax(1) == Y[val]).float().mean()
    print(
        f"epoch {epoch + 1:2d} loss {epoch_loss / n:.4f} val_loss {vloss.item():.4f} val_acc {acc.item():.4f}"
    )
