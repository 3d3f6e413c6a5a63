"""The blocks of a model stand in a plain list, so that `parameters()` does not know them.

Expected: frozen-parameters
Also: not-learning, overfitting
"""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
centres = 2 * torch.randn(5, 20)
y = torch.randint(0, 5, (2000,))
x = centres[y] + 3.0 * torch.randn(2000, 20)
x_held, y_held, x, y = x[-400:], y[-400:], x[:-400], y[:-400]
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), 32, shuffle=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.entry, self.head = nn.Linear(20, 32), nn.Linear(32, 5)
        self.blocks = [nn.Linear(32, 32) for _ in range(3)]

    def forward(self, x):
        x = self.entry(x)
        for block in self.blocks:
            x = x + block(x.relu())
        return self.head(x)


model = Net()
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
for epoch in range(12):
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
    print(f"[{epoch:02d}] train {loss.item():.4f} | valid loss {held:.4f} acc {right:.3f}")
