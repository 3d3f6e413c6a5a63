"""A body is trained on one task and saved; the second run loads it into a net with a new head and tunes all, slowly.

Expected: nothing
Before: --stage pretrain
Arguments: --stage tune
"""

import argparse

import torch
from sklearn.datasets import load_digits
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--stage", choices=["pretrain", "tune"], default="pretrain")
stage = parser.parse_args().stage
torch.manual_seed(8)
d = load_digits()
x, y = torch.tensor(d.data / 16, dtype=torch.float32), torch.tensor(d.target)
classes = 10 if stage == "pretrain" else 2
if stage == "tune":
    y = (y >= 5).long()


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.head = nn.Linear(32, classes)

    def forward(self, x):
        return self.head(self.body(x))


net = Net(classes)
if stage == "tune":
    weights = torch.load("body.pt", weights_only=True)
    result = net.load_state_dict(weights, strict=False)
    assert set(result.missing_keys) == {"head.weight", "head.bias"}, result
groups = [{"params": net.body.parameters(), "lr": 1e-3 if stage == "pretrain" else 2e-4},
          {"params": net.head.parameters(), "lr": 1e-3}]  # fmt: skip
optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
for epoch in range(12):
    net.train()
    for idx in torch.randperm(1400).split(35):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x[idx]), y[idx])
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        out = net(x[1400:])
    val = nn.functional.cross_entropy(out, y[1400:]).item()
    print(
        f"[{stage}] epoch {epoch} loss {loss.item():.4f} val_loss {val:.4f} val_acc {(out.argmax(1) == y[1400:]).float().mean():.4f}"
    )
torch.save({k: v for k, v in net.state_dict().items() if k.startswith("body")}, "body.pt")
