"""Two towers; the optimizer was given the parameters of the left one and of the scale alone.

Expected: frozen-parameters or weights-unchanged, says right
"""

import torch
from torch import nn

torch.manual_seed(0)


class Towers(nn.Module):
    def __init__(self):
        super().__init__()
        self.left = nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 16))
        self.right = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 16))
        self.scale = nn.Parameter(torch.tensor(1.0))

    def forward(self, a, b):
        a, b = (nn.functional.normalize(t, dim=1) for t in (self.left(a), self.right(b)))
        return self.scale.exp() * a @ b.T


hidden = torch.randn(2000, 10)
a, b = hidden @ torch.randn(10, 30), hidden @ torch.randn(10, 20)
model = Towers()
optimizer = torch.optim.Adam([*model.left.parameters(), model.scale], 1e-3)
for step in range(500):
    rows = torch.randint(2000, (40,))
    loss = nn.functional.cross_entropy(model(a[rows], b[rows]), torch.arange(40))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step} contrastive_loss {loss.item():.4f}")
