"""A forward hook keeps every output of a layer, for a histogram that nobody draws any more.

Expected: memory-growth
"""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Conv1d(4, 32, 5), nn.ReLU(), nn.Conv1d(32, 32, 5), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(32, 3))  # fmt: skip
kept = []
model[1].register_forward_hook(lambda _m, _i, output: kept.append(output.detach()))
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
for step in range(400):
    y = torch.randint(3, (48,))
    x = torch.randn(48, 4, 256) + y[:, None, None] * 0.2
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step} loss {loss.item():.4f}")
