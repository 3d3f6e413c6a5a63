"""Pseudo-labels are made by the encoder in evaluation mode, after the first epoch; nobody puts it back.

Expected: train-eval-mismatch
Also: overfitting
"""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
centres = 2 * torch.randn(5, 20)
y = torch.randint(0, 5, (2000,))
x = centres[y] + 2.0 * torch.randn(2000, 20)
x_held, y_held, x, y = x[-400:], y[-400:], x[:-400], y[:-400]
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), 32, shuffle=True)

encoder = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.3))
head = nn.Linear(64, 5)
model = nn.Sequential(encoder, head)
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
for epoch in range(12):
    for xs, ys in loader:
        loss = F.cross_entropy(head(encoder(xs)), ys)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    encoder.eval()
    with torch.no_grad():
        right = (head(encoder(x_held)).argmax(1) == y_held).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} pseudo-label accuracy {right:.4f}")
