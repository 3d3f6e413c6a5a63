"""A digit classifier under CPU autocast that casts probabilities to half and takes their log; a confident batch gives log(0).

Expected: non-finite, says loss
Also: diverged, hidden-nan, validation-at-chance, not-learning, crashed, exploding-gradient, initial-loss
"""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits

torch.manual_seed(1)
X, Y = load_digits(return_X_y=True)
X = torch.tensor(X).float()  # 0..16, raw
Y = torch.tensor(Y)
perm = torch.randperm(len(X))
X, Y = X[perm], Y[perm]
tx, ty, vx, vy = X[:1400], Y[:1400], X[1400:], Y[1400:]
net = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
opt = torch.optim.AdamW(net.parameters(), lr=2e-2)
for ep in range(40):
    for b in torch.randperm(1400).split(32):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            p = net(tx[b]).softmax(-1).half()
            loss = -(p[torch.arange(len(b)), ty[b]]).log().mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        acc = (net(vx).argmax(1) == vy).float().mean()
    print(f"[{ep:02d}] train_loss={loss.item():.4f} val_acc={acc:.3f}", flush=True)
