"""A collate function rolls the labels by one, so that each row has its neighbour's.

Expected: not-learning
Also: validation-at-chance, overfitting
"""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
centres = 2 * torch.randn(5, 20)
y = torch.randint(0, 5, (2000,))
x = centres[y] + 1.0 * torch.randn(2000, 20)
x_held, y_held, x, y = x[-400:], y[-400:], x[:-400], y[:-400]


def collate(rows):
    xs, ys = zip(*rows, strict=True)
    return torch.stack(xs), torch.stack(ys).roll(1)


loader = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(x, y), 32, shuffle=True, collate_fn=collate
)

model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5))
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
for epoch in range(30):
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
