"""Cosine warm restarts: the rate jumps up again and again, the loss has little bumps, and it goes well.

Expected: nothing
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(8)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X).float() / 16, torch.tensor(y)
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
sched = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(opt, T_0=150, T_mult=2, eta_min=1e-4)
for step in range(1050):
    b = torch.randint(0, 1500, (64,))
    loss = nn.functional.cross_entropy(net(X[b]), y[b])
    opt.zero_grad()
    loss.backward()
    opt.step()
    sched.step()
    if step % 10 == 0:
        print(f"step {step} loss {loss.item():.4f} lr {opt.param_groups[0]['lr']:.5f}")
    if step % 150 == 149:
        with torch.no_grad():
            print(
                f"step {step} val_acc {(net(X[1500:]).argmax(1) == y[1500:]).float().mean().item():.4f}"
            )
