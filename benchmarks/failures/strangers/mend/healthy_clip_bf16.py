"""CPU autocast in bfloat16 with a hard gradient clip that acts on every step: coarse losses, steady learning.

Expected: nothing
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X).float() / 16, torch.tensor(y)
net = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 10))
opt = torch.optim.AdamW(net.parameters(), 1e-3)
for ep in range(15):
    for b in torch.randperm(1500).split(50):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            l = nn.functional.cross_entropy(net(X[b]), y[b])
        opt.zero_grad()
        l.backward()
        g = nn.utils.clip_grad_norm_(net.parameters(), 0.1)
        opt.step()
    with torch.no_grad():
        print(
            f"epoch {ep} loss {l.item():.3f} grad_norm {g:.3f} val_acc {(net(X[1500:]).argmax(1) == y[1500:]).float().mean():.4f}"
        )
