"""Low-rank adapters: the base weights are frozen, B begins at zero, and the optimizer holds A, B and the head alone.

Expected: nothing
"""

import math

import torch
from torch import nn

torch.manual_seed(0)


class LoRALinear(nn.Module):
    def __init__(self, base, r=4, alpha=8):
        super().__init__()
        self.base = base
        for p in self.base.parameters():
            p.requires_grad_(False)
        self.lora_A = nn.Parameter(torch.empty(r, base.in_features))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        self.scaling = alpha / r

    def forward(self, x):
        return self.base(x) + self.scaling * (x @ self.lora_A.T @ self.lora_B.T)


centres = torch.randn(6, 24)


def draw(n, turn):
    y = torch.randint(0, 6, (n,))
    return (centres[y] + 0.9 * torch.randn(n, 24)).roll(turn, 1), y


net = nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 6))
pre = torch.optim.Adam(net.parameters(), lr=2e-3)
for _step in range(150):
    x, y = draw(64, 0)
    pre.zero_grad()
    nn.functional.cross_entropy(net(x), y).backward()
    pre.step()
print("base model ready")
net[0], net[2] = LoRALinear(net[0]), LoRALinear(net[2])
trainable = [p for p in net.parameters() if p.requires_grad]
print(f"trainable: {sum(p.numel() for p in trainable)}")
optimizer = torch.optim.AdamW(trainable, lr=5e-3)
for step in range(400):
    x, y = draw(64, 3)
    loss = nn.functional.cross_entropy(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        with torch.no_grad():
            vx, vy = draw(256, 3)
            acc = (net(vx).argmax(1) == vy).float().mean()
        print(f"step {step} loss {loss.item():.4f} val_acc {acc.item():.4f}")
