"""Two heads, two losses; `loss = loss_b` stands where `loss += loss_b` was meant, so that the first head gets nothing.

Expected: frozen-parameters or weights-unchanged, layer head_a
"""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(1500, 16)
ya, yb = (x @ torch.randn(16, 5)).argmax(1), x[:, :2].pow(2).sum(1)


class Multi(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(16, 48), nn.ReLU())
        self.head_a, self.head_b = nn.Linear(48, 5), nn.Linear(48, 1)

    def forward(self, x):
        h = self.trunk(x)
        return self.head_a(h), self.head_b(h).squeeze(1)


model = Multi()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(400):
    rows = torch.randint(0, 1500, (32,))
    a, b = model(x[rows])
    loss = nn.functional.cross_entropy(a, ya[rows])
    loss = nn.functional.mse_loss(b, yb[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(f"{step:4d} loss {loss.item():.4f}")
