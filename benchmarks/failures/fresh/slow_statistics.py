"""Batch norm with a momentum of 1e-5, meant as that of another framework: in evaluation its statistics are those it was made with.

Expected: validation-at-chance or train-eval-mismatch
Also: not-learning, overfitting, validation-at-chance, train-eval-mismatch
"""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
centres = 2 * torch.randn(5, 20)
y = torch.randint(0, 5, (2000,))
x = centres[y] + 1.0 * torch.randn(2000, 20)
x = 40 * x + 300
x_held, y_held, x, y = x[-400:], y[-400:], x[:-400], y[:-400]
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), 32, shuffle=True)

model = nn.Sequential(
    nn.BatchNorm1d(20, momentum=1e-5),
    nn.Linear(20, 32),
    nn.BatchNorm1d(32, momentum=1e-5),
    nn.ReLU(),
    nn.Linear(32, 5),
)
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
for epoch in range(20):
    model.train()
    for xs, ys in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(xs), ys)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        out = model(x_held)
        held, right = (
            F.cross_entropy(out, y_held).item(),
            (out.argmax(1) == y_held).float().mean().item(),
        )
    print({"epoch": epoch, "loss": loss.item(), "val_loss": held, "val_acc": right})
