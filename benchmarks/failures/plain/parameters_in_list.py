"""A polynomial layer keeps its coefficients in a plain Python list of `nn.Parameter`: no optimizer gets them.

Expected: frozen-parameters or weights-unchanged
Also: not-learning
"""

import torch
from torch import nn

torch.manual_seed(16)


class Powers(nn.Module):
    def __init__(self, dim, degree):
        super().__init__()
        self.coefficients = [nn.Parameter(torch.randn(dim) * 0.1) for _ in range(degree)]

    def forward(self, x):
        return sum(c * x ** (k + 1) for k, c in enumerate(self.coefficients))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.powers = Powers(4, 3)
        self.scale = nn.Linear(4, 1)

    def forward(self, x):
        return self.scale(self.powers(x)).squeeze(-1)


def f(x):
    return torch.sin(2 * x[:, 0]) + x[:, 1] ** 2 - x[:, 2] ** 3 + 0.5 * x[:, 3]


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(500):
    x = torch.rand(64, 4) * 2 - 1
    loss = (model(x) - f(x)).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 25 == 0:
        print(f"[{step}] mse={loss.item():.5f}")
