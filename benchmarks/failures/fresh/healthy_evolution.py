"""An evolution strategy: weights are changed by hand, and nothing ever goes backward.

Expected: nothing
"""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 1))
flat = nn.utils.parameters_to_vector(net.parameters()).detach()
x = torch.randn(128, 3)
y = (x[:, :1] - x[:, 1:2]).sin()
for generation in range(150):
    noise = torch.randn(20, len(flat))
    scores = []
    with torch.no_grad():
        for row in noise:
            nn.utils.vector_to_parameters(flat + 0.05 * row, net.parameters())
            scores.append(-F.mse_loss(net(x), y).item())
    scores = torch.tensor(scores)
    flat = flat + 0.05 * (noise * ((scores - scores.mean()) / scores.std())[:, None]).mean(0)
    print(
        f"generation {generation} fitness {scores.mean().item():.4f} best {scores.max().item():.4f}"
    )
