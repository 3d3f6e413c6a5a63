"""Labels of the validation file count from 1, those of the training file from 0, with a spare class at the end.

Expected: validation-at-chance or train-eval-mismatch
Also: overfitting, diverged, train-eval-mismatch, validation-at-chance
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
CLASSES = 7


def read_split(name, n):
    g = torch.Generator().manual_seed({"train": 1, "valid": 2}[name])
    centres = torch.randn(CLASSES, 20, generator=torch.Generator().manual_seed(0))
    labels = torch.randint(0, CLASSES, (n,), generator=g)
    rows = centres[labels] + 0.8 * torch.randn(n, 20, generator=g)
    return rows, labels + (name == "valid")


xt, yt = read_split("train", 2100)
xv, yv = read_split("valid", 500)
net = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, CLASSES + 1))
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for ep in range(15):
    net.train()
    tl = ta = 0.0
    for idx in torch.randperm(2100).split(70):
        out = net(xt[idx])
        loss = F.cross_entropy(out, yt[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        tl += loss.item() / 30
        ta += (out.argmax(1) == yt[idx]).float().mean().item() / 30
    net.eval()
    with torch.no_grad():
        out = net(xv)
        vl, va = F.cross_entropy(out, yv).item(), (out.argmax(1) == yv).float().mean().item()
    print(f"ep {ep:02d} | loss {tl:.4f} | acc {ta:.4f} | val_loss {vl:.4f} | val_acc {va:.4f}")
