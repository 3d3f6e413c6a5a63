"""At step 300 the optimizer is made anew to forget its moments, with the default of its helper: 1.0 instead of 1e-3.

Expected: learning-rate-jump at step 300±3
Also: diverged, spike, exploding-gradient, dead-units, not-learning
"""

import torch
from torch import nn

torch.manual_seed(0)


def make_optimizer(model, lr=1.0):
    return torch.optim.Adam(model.parameters(), lr=lr)


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(
            nn.Conv1d(1, 12, 5, padding=2), nn.ReLU(), nn.Conv1d(12, 12, 5, padding=2), nn.ReLU()
        )
        self.decode = nn.Conv1d(12, 1, 5, padding=2)

    def forward(self, x):
        return self.decode(self.encode(x))


def batch(n=32):
    t = torch.linspace(0, 6.28, 64)
    clean = torch.sin(t * (1 + 3 * torch.rand(n, 1)) + 6.28 * torch.rand(n, 1)).unsqueeze(1)
    return clean + 0.4 * torch.randn_like(clean), clean


model = Denoiser()
optimizer = make_optimizer(model, lr=1e-3)
for step in range(600):
    if step == 300:
        optimizer = make_optimizer(model)
    noisy, clean = batch()
    loss = nn.functional.mse_loss(model(noisy), clean)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"{step:5d} mse {loss.item():.5f}")
