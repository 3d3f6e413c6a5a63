"""A script without functions: two classes, a threshold, scores of scikit-learn."""

import torch
from sklearn.metrics import f1_score, roc_auc_score
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(3)
x = torch.randn(800, 5)
y = ((x[:, 0] * x[:, 1] + x[:, 2]) > 0).float()
x_train, x_test = x[:600], x[600:]
y_train, y_test = y[:600], y[600:]
train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=50, shuffle=True)
test_loader = DataLoader(TensorDataset(x_test, y_test), batch_size=64)

model = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 1))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(4):
    model.train()
    epoch_loss = 0.0
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        logits = model(inputs).squeeze(1)
        loss = criterion(logits, targets)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
    print(f"epoch {epoch}: {epoch_loss / len(train_loader):.6f}")
    for group in optimizer.param_groups:
        group["lr"] = group["lr"] * 0.9

model.eval()
scores, truth = [], []
with torch.no_grad():
    for rows, wanted in test_loader:
        scores.append(model(rows).squeeze(1))
        truth.append(wanted)
scores, truth = torch.cat(scores), torch.cat(truth)
hits = ((torch.sigmoid(scores) > 0.5).float() == truth).sum().item()
classes = (torch.sigmoid(scores) > 0.5).long().numpy()
print("accuracy", hits / len(truth))
print("f1", f1_score(truth.numpy(), classes))
print("auc", roc_auc_score(truth.numpy(), scores.numpy()))
