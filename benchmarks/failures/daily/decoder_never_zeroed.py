"""An autoencoder in two modules: one optimizer for both, but `encoder.zero_grad()` is all that clears gradients.

Expected: exploding-gradient or diverged or not-learning or initial-loss, says zero
Also: exploding-gradient, diverged, spike, not-learning
"""

import torch
from torch import nn

torch.manual_seed(0)
basis = torch.randn(4, 30)
data = torch.randn(2000, 4) @ basis + 0.05 * torch.randn(2000, 30)
encoder = nn.Sequential(nn.Linear(30, 24), nn.ReLU(), nn.Linear(24, 4))
decoder = nn.Sequential(nn.Linear(4, 24), nn.ReLU(), nn.Linear(24, 30))
opt = torch.optim.SGD([*encoder.parameters(), *decoder.parameters()], lr=0.02)
for epoch in range(8):
    for i, rows in enumerate(torch.randperm(2000).split(40)):
        encoder.zero_grad()
        loss = ((decoder(encoder(data[rows])) - data[rows]) ** 2).mean()
        loss.backward()
        opt.step()
        if i % 5 == 0:
            print(f"[{epoch}/8][{i}/50] recon {loss.item():.4f}")
