"""Slips that leave a training running: told of a training of a second, and not of its twins that mean it."""

import importlib.util
import sys

import pytest

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch"),
]

SCRIPT = """
import sys, torch
from torch import nn
from torch.nn import functional as F
kind = sys.argv[1]
torch.manual_seed(0)
torch.set_num_threads(1)
x = torch.randn(600, 12)
y = x[:, :6].argmax(1)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(12, 32), nn.Linear(32, 32), nn.Linear(32, 6)

    def forward(self, x):
        x = F.relu(self.a(x))
        if kind == "dropping":
            x = F.dropout(x, 0.2)
        elif kind == "dropping on purpose":
            x = F.dropout(x, 0.2, training=True)
        elif kind == "dropping in training":
            x = F.dropout(x, 0.2, self.training)
        return self.c(F.relu(self.b(x)))

def initialised(module):
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.2)

net = Net()
if kind in ("overwritten", "head", "loaded"):
    torch.save(Net().apply(initialised).state_dict(), "net.pt")
    net.load_state_dict(torch.load("net.pt"))
    if kind != "loaded":
        (net if kind == "overwritten" else net.c).apply(initialised)
if kind == "alike":
    for weight in net.parameters():
        nn.init.constant_(weight, 0.05)
if kind == "last zero":
    nn.init.zeros_(net.c.weight)
if kind in ("given", "near"):
    with torch.no_grad():
        x[:, 7] = 3 * y - 1 + (0.05 * torch.randn(600) if kind == "near" else 0)
rates = {"still": 0.0, "thawed": 1e-2}.get(kind, 1e-2)
groups = [{"params": [*net.a.parameters()], "lr": rates}, {"params": [*net.b.parameters(), *net.c.parameters()]}]
optimizer = torch.optim.Adam(groups, lr=1e-2)
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, [lambda e: float(kind != "thawed" or e > 150), lambda e: 1.0])
for step in range(300):
    net.train()
    rows = torch.randint(600, (32,))
    loss = F.cross_entropy(net(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    if step % 50 == 49:
        net.eval()
        with torch.no_grad():
            net(x[:64])
        print(f"step {step} loss {loss.item():.4f}")
"""


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("kind", "rule", "words"),
    [
        ("dropping", "train-eval-mismatch", "of `train.py` drops 20%"),
        ("overwritten", "checkpoint-not-loaded", "3 of 3 matrices"),
        ("alike", "not-learning", "All units of `a`"),
        ("given", "too-good", "Column 7 of the 12"),
        ("still", "frozen-parameters", "a learning rate of 0 from the start"),
        ("dropping on purpose", "train-eval-mismatch", ""),
        ("dropping in training", "train-eval-mismatch", ""),
        ("head", "checkpoint-not-loaded", ""),
        ("loaded", "checkpoint-not-loaded", ""),
        ("last zero", "not-learning", ""),
        ("near", "too-good", ""),
        ("thawed", "frozen-parameters", ""),
    ],
)
def test_what_slipped_is_told_and_what_is_meant_is_not(lab, kind, rule, words) -> None:
    lab.script("train.py", SCRIPT)
    assert lab("run", "--no-check", "--", sys.executable, "train.py", kind).returncode == 0
    told = {f["rule"]: str(f) for f in lab.show()["findings"] if f["severity"] != "note"}
    assert words in told.get(rule, "") and (words or rule not in told), told
