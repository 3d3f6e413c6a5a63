"""A layer of one's own multiplies by `weight.data`: the optimizer has it, the gradient does not.

Expected: frozen-parameters, layer 0 or gate or 0.gate
Also: not-learning
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


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Parameter(torch.randn(32, 20) / 5)

    def forward(self, x):
        return x @ self.gate.data.T


model = nn.Sequential(Scaled(), nn.ReLU(), nn.Linear(32, 5))
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
    print(f"epoch={epoch} loss={loss.item():.5f} val_loss={held:.5f} val_accuracy={right:.4f}")
