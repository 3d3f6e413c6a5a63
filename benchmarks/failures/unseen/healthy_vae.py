"""A variational autoencoder whose weight of the divergence rises over the first half: so does the loss.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.sigmoid(torch.randn(2000, 4) @ torch.randn(4, 40) * 2)
encoder, decoder = nn.Linear(40, 8), nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 40))
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 3e-3)
for step in range(800):
    rows = x[torch.randint(2000, (50,))]
    mean, log = encoder(rows).chunk(2, 1)
    z = mean + torch.randn_like(mean) * (0.5 * log).exp()
    rest = nn.functional.binary_cross_entropy_with_logits(decoder(z), rows, reduction="sum") / 50
    kl = -0.5 * (1 + log - mean**2 - log.exp()).sum(1).mean()
    loss = rest + min(1.0, step / 400) * kl
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step} loss {loss.item():.3f} recon_loss {rest.item():.3f} kl {kl.item():.3f}")
