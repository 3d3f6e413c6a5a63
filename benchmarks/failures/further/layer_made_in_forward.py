"""A layer whose width is not known before the first batch is made in `forward`, after the optimizer was.

Expected: frozen-parameters or weights-unchanged, layer project
Also: not-learning, overfitting
"""

import torch
from torch import nn, optim

torch.manual_seed(2)


class SignalNet(nn.Module):
    def __init__(self, n_out):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 8, 7, stride=2)
        self.conv2 = nn.Conv1d(8, 16, 5, stride=2)
        self.project = None
        self.out = nn.Linear(32, n_out)

    def forward(self, x):
        x = torch.relu(self.conv2(torch.relu(self.conv1(x)))).flatten(1)
        if self.project is None:
            self.project = nn.Linear(x.shape[1], 32)
        return self.out(torch.relu(self.project(x)))


def waves(n):
    kind = torch.randint(0, 4, (n,))
    t = torch.linspace(0, 6.28, 64)
    phase = 6.28 * torch.rand(n, 1)
    x = torch.sin((kind + 1).unsqueeze(1) * t + phase) + 0.7 * torch.randn(n, 64)
    return x.unsqueeze(1), kind


model = SignalNet(4)
optimizer = optim.Adam(model.parameters(), lr=1e-3)
for step in range(400):
    x, y = waves(32)
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    if step % 25 == 0:
        with torch.no_grad():
            vx, vy = waves(128)
            acc = (model(vx).argmax(1) == vy).float().mean().item()
        print(f"step={step} loss={loss.item():.4f} val_acc={acc:.3f}")
