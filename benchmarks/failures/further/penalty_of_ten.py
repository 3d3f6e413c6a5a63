"""An L2 penalty is added to the loss by hand, with a factor of 10 where 1e-5 was meant: the weights go to nothing.

Expected: not-learning or validation-at-chance or loss-floor or vanishing-gradient or dead-units
Also: loss-floor, validation-at-chance, dead-units, vanishing-gradient, not-learning, frozen-parameters, initial-loss
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32) / 16
y = torch.tensor(digits.target)
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
adam = torch.optim.Adam(net.parameters(), lr=1e-3)
LAMBDA = 10.0
for epoch in range(30):
    net.train()
    parts = []
    for idx in torch.randperm(1400).split(64):
        ce = nn.functional.cross_entropy(net(x[idx]), y[idx])
        l2 = sum((w**2).sum() for w in net.parameters())
        loss = ce + LAMBDA * l2
        adam.zero_grad()
        loss.backward()
        adam.step()
        parts.append(loss.item())
    net.eval()
    with torch.no_grad():
        out = net(x[1400:])
        val_loss = nn.functional.cross_entropy(out, y[1400:]).item()
        val_acc = (out.argmax(1) == y[1400:]).float().mean().item()
    print(
        f"epoch {epoch:3d}  train_loss {sum(parts) / len(parts):.4f}  val_loss {val_loss:.4f}  val_acc {val_acc:.3f}"
    )
