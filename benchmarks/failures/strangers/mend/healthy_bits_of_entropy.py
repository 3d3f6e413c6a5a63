"""A bigram model over random text: the loss stops high, because that is the entropy of the source.

Expected: nothing
"""

import torch
from torch import nn

torch.manual_seed(0)
V = 40
P = torch.softmax(torch.randn(V, V) * 1.5, -1)
model = nn.Sequential(nn.Embedding(V, 32), nn.Linear(32, 64), nn.GELU(), nn.Linear(64, V))
opt = torch.optim.Adam(model.parameters(), 3e-3)
for step in range(1500):
    a = torch.randint(0, V, (256,))
    b = torch.multinomial(P[a], 1).squeeze(1)
    loss = nn.functional.cross_entropy(model(a), b)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 10 == 0:
        print(f"step={step} loss={loss.item():.4f}")
    if step % 250 == 249:
        with torch.no_grad():
            a = torch.randint(0, V, (4000,))
            b = torch.multinomial(P[a], 1).squeeze(1)
            print(f"step={step} val_loss={nn.functional.cross_entropy(model(a), b).item():.4f}")
