"""`log_softmax(dim=0)`: it is taken over the rows of the batch and not over the classes.

Expected: initial-loss or loss-floor or not-learning, says dim or rows or softmax or ln 10
Also: initial-loss, loss-floor, not-learning, validation-at-chance, train-eval-mismatch, overfitting
"""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(22)
d = load_digits()
x = torch.tensor(d.data / 16, dtype=torch.float32)
y = torch.tensor(d.target)
train_dl = DataLoader(TensorDataset(x[:1400], y[:1400]), batch_size=100, shuffle=True)
valid_dl = DataLoader(TensorDataset(x[1400:], y[1400:]), batch_size=100)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin1 = nn.Linear(64, 80)
        self.lin2 = nn.Linear(80, 10)

    def forward(self, xb):
        return F.log_softmax(self.lin2(F.relu(self.lin1(xb))), dim=0)


model = Model()
opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for epoch in range(15):
    model.train()
    for xb, yb in train_dl:
        loss = F.nll_loss(model(xb), yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
    model.eval()
    with torch.no_grad():
        valid_loss = sum(F.nll_loss(model(xb), yb) for xb, yb in valid_dl) / len(valid_dl)
    print(f"epoch {epoch} train_loss {loss.item():.4f} valid_loss {valid_loss.item():.4f}")
