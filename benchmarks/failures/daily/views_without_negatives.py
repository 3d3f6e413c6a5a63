"""Two noisy views are pulled together, with neither negatives nor a stopped gradient: all rows get the same embedding.

Expected: too-good or not-learning or dead-units or loss-floor or vanishing-gradient, says same or equal or collapse or alike
"""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
X = torch.randn(1500, 24)
encoder = nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 16))
optimizer = torch.optim.Adam(encoder.parameters(), lr=3e-3)
for epoch in range(12):
    total = 0.0
    for rows in torch.randperm(1500).split(50):
        a, b = (X[rows] + 0.3 * torch.randn(len(rows), 24) for _ in range(2))
        za, zb = encoder(a), encoder(b)
        loss = (1 - F.cosine_similarity(za, zb)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / 30
    print(f"epoch {epoch} similarity loss {total:.5f}")
