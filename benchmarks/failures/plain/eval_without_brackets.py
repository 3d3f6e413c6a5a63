"""`model.eval` stands there without its brackets: batch norm and dropout go on as in training while it is validated.

Expected: train-eval-mismatch
Also: overfitting
"""

import torch
from sklearn.datasets import make_moons
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(19)
X, y = make_moons(2400, noise=0.25, random_state=1)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
train_loader = DataLoader(TensorDataset(X[:1800], y[:1800]), batch_size=60, shuffle=True)
test_loader = DataLoader(TensorDataset(X[1800:], y[1800:]), batch_size=60)


class BinaryClassification(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer_1 = nn.Linear(2, 64)
        self.layer_2 = nn.Linear(64, 64)
        self.layer_out = nn.Linear(64, 1)
        self.batchnorm1 = nn.BatchNorm1d(64)
        self.batchnorm2 = nn.BatchNorm1d(64)
        self.dropout = nn.Dropout(p=0.4)

    def forward(self, inputs):
        x = self.batchnorm1(torch.relu(self.layer_1(inputs)))
        x = self.batchnorm2(torch.relu(self.layer_2(x)))
        return self.layer_out(self.dropout(x))


model = BinaryClassification()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for e in range(1, 16):
    model.train()
    epoch_loss = 0
    for X_batch, y_batch in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(X_batch), y_batch.unsqueeze(1))
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
    model.eval  # noqa: B018
    val_loss = val_acc = 0
    with torch.no_grad():
        for X_batch, y_batch in test_loader:
            out = model(X_batch)
            val_loss += criterion(out, y_batch.unsqueeze(1)).item()
            val_acc += ((out > 0).float() == y_batch.unsqueeze(1)).float().mean().item()
    print(
        f"Epoch {e + 0:03}: | Loss: {epoch_loss / len(train_loader):.5f} | Val Loss: {val_loss / len(test_loader):.5f} | Val Acc: {val_acc / len(test_loader):.3f}"
    )
