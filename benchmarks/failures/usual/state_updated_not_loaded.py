"""The pretrained weights are put into `model.state_dict()` with `update`, and never loaded from there.

Expected: checkpoint-not-loaded
Before: --pretrain
Also: overfitting
"""

import argparse

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--pretrain", action="store_true")
parser.add_argument("--steps", type=int, default=400)
args = parser.parse_args()
torch.manual_seed(0)
centres = torch.randn(12, 24)
fine = centres[:4] + 0.3 * torch.randn(4, 24)


class Encoder(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.fc = nn.Linear(32, classes)

    def forward(self, x):
        return self.fc(self.trunk(x))


points = centres if args.pretrain else fine
model = Encoder(len(points))
if not args.pretrain:
    pretrained = torch.load("pretrained.pt")
    model_dict = model.state_dict()
    pretrained = {k: v for k, v in pretrained.items() if k in model_dict and not k.startswith("fc")}
    model_dict.update({k: v.clone() for k, v in pretrained.items()})
    print(f"loaded {len(pretrained)} tensors from pretrained.pt")
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(args.steps):
    y = torch.randint(0, len(points), (32,))
    x = points[y] + torch.randn(32, 24)
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step: {step}, loss: {loss.item():.4f}")
if args.pretrain:
    torch.save(model.state_dict(), "pretrained.pt")
