"""A linear model of a dynamical system is unrolled for 60 steps, and its matrix begins far above a radius of one.

Expected: exploding-gradient or non-finite or initial-loss or diverged
Also: non-finite, diverged, exploding-gradient, initial-loss, spike, hidden-nan, loss-floor, not-learning
"""

import torch
from torch import nn

torch.manual_seed(0)
angle = torch.tensor(0.2)
truth = 0.99 * torch.stack(
    [torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])]
)


def trajectory(n=16, horizon=60):
    x = [torch.randn(n, 2)]
    for _ in range(horizon):
        x.append(x[-1] @ truth.t())
    return torch.stack(x, 1)


class Dynamics(nn.Module):
    def __init__(self, d=8):
        super().__init__()
        self.lift, self.drop = nn.Linear(2, d), nn.Linear(d, 2)
        self.A = nn.Parameter(torch.randn(d, d))

    def forward(self, x0, horizon):
        z, out = self.lift(x0), []
        for _ in range(horizon):
            z = z @ self.A
            out.append(self.drop(z))
        return torch.stack(out, 1)


model = Dynamics()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(300):
    x = trajectory()
    loss = nn.functional.mse_loss(model(x[:, 0], 60), x[:, 1:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step}, rollout loss: {loss.item():.4e}")
