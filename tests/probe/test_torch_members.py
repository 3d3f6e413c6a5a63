"""What gets gradients and is in no optimizer, what is decayed away, and what is evaluated on rows of the training."""

import importlib.util

import pytest

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch"),
]

HELD = """
import sys, torch
from torch import nn
torch.manual_seed(0)
kind = sys.argv[1]

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Sequential(nn.Linear(8, 16), nn.ReLU()), nn.Linear(16, 2)

    def forward(self, x):
        return self.head(self.body(x))

class Distance(nn.Module):
    def __init__(self):
        super().__init__()
        self.centre = nn.Parameter(torch.ones(2))

    def forward(self, y):
        return (y - self.centre).pow(2).mean()

net, other = Net(), Net()
if kind in ("loaded", "first"):
    torch.save(net.state_dict(), "net.pt")
    net.load_state_dict(torch.load("net.pt"))
criterion = Distance() if kind == "criterion" else lambda y: y.pow(2).mean()
if kind == "thawed":
    net.body.requires_grad_(False)
if kind in ("judge", "teacher"):
    judge = torch.optim.SGD(other.parameters(), lr=1e-3)
    for _ in range(30 if kind == "judge" else 150):
        judge.zero_grad()
        other(torch.randn(16, 8)).pow(2).mean().backward()
        judge.step()
    del judge
held = net.head.parameters() if kind in ("thawed", "loaded", "by hand", "added") else net.parameters()
optimizer = torch.optim.SGD([p for p in held if p.requires_grad], lr=1e-3)
if kind == "late head":
    net.head = nn.Linear(16, 2)
for step in range(400):
    if kind == "thawed" and step == 60:
        net.body.requires_grad_(True)
    if kind == "added" and step == 3:
        optimizer.add_param_group({"params": net.body.parameters()})
    x = torch.randn(16, 8)
    loss = criterion(net(x))
    if kind in ("beside", "judge", "teacher"):
        loss = loss + 0.01 * other(x).pow(2).mean()
    net.zero_grad()
    loss.backward()
    optimizer.step()
    if kind == "by hand":
        with torch.no_grad():
            for p in net.body.parameters():
                p -= 1e-3 * p.grad
"""


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("late head", "`head.weight`"),
        ("thawed", "`body.0.weight`"),
        ("beside", "`other.body.0.weight`"),
        ("criterion", "`criterion.centre`"),
        ("judge", ""),
        ("teacher", ""),
        ("loaded", ""),
        ("by hand", ""),
        ("added", ""),
    ],
)
def test_weights_with_gradients_and_without_an_optimizer_are_told(
    lab, kind: str, names: str
) -> None:
    lab.script("train.py", HELD)
    assert lab.run("train.py", kind).returncode == 0
    told = [f for f in lab.show()["findings"] if f["rule"] == "frozen-parameters"]
    assert len(told) == bool(names), told
    assert all(names in f["message"] and "no optimizer" in f["message"] for f in told)


DECAYED = """
import sys, torch
from torch import nn
torch.manual_seed(0)
kind, decay = sys.argv[1], float(sys.argv[2])
rule = torch.randn(8, 4)
net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 4))
optimizer = getattr(torch.optim, kind)(net.parameters(), lr=0.1 if kind == "SGD" else 1e-3, weight_decay=decay)
for step in range(200):
    x = torch.randn(32, 8)
    loss = nn.functional.cross_entropy(net(x), (x @ rule).argmax(1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("kind", "decay", "says"),
    [
        ("AdamW", "500", "takes 0.5 of every weight away"),
        ("SGD", "2", "takes 0.2 of every weight away"),
        ("Adam", "20", "times as hard as the loss"),
        ("AdamW", "0.1", ""),
        ("SGD", "5e-4", ""),
    ],
)
def test_a_weight_decay_that_outdoes_the_loss_is_told(
    lab, kind: str, decay: str, says: str
) -> None:
    lab.script("train.py", DECAYED)
    assert lab.run("train.py", kind, decay).returncode == 0
    told = [f for f in lab.show()["findings"] if f["rule"] == "not-learning"]
    assert len(told) == bool(says), told
    assert says in str(told)


SPLIT = """
import sys, torch
from torch import nn
torch.manual_seed(0)
kind = sys.argv[1]
x = torch.randn(500, 12)
y = torch.randint(0, 3, (500,))
train = x[100:] if kind in ("apart", "targets") else x
net = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 3))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(20):
    for rows in torch.randperm(len(train)).split(50):
        if kind == "targets":
            with torch.no_grad():
                net(train[torch.randperm(len(train))[:50]])
        loss = nn.functional.cross_entropy(net(train[rows]), y[-len(train):][rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        if kind == "both":
            net(x[100:300])
            held_out = net(torch.randn(100, 12))
        else:
            held_out = torch.randn(100, 3) if kind == "targets" else net(x[:100])
        print(f"epoch {epoch} val_loss {nn.functional.cross_entropy(held_out, y[:100]).item():.4f}")
"""


@pytest.mark.parametrize(
    ("kind", "told"), [("leak", True), ("apart", False), ("both", False), ("targets", False)]
)
def test_rows_of_the_training_that_are_evaluated_are_told(lab, kind: str, told: bool) -> None:
    lab.script("train.py", SPLIT)
    assert lab.run("train.py", kind).returncode == 0
    found = [f for f in lab.show()["findings"] if f["rule"] == "too-good"]
    assert bool(found) is told, found
    assert all("was trained on" in f["message"] for f in found)


def test_probabilities_where_logarithms_are_expected_are_told(lab) -> None:
    lab.script(
        "train.py",
        """
import torch
from torch import nn
net = nn.Sequential(nn.Linear(4, 3), nn.Softmax(1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(50):
    optimizer.zero_grad()
    nn.functional.nll_loss(net(torch.randn(8, 4)), torch.randint(0, 3, (8,))).backward()
    optimizer.step()
""",
    )
    assert lab.run("train.py").returncode == 0
    found = [f for f in lab.show()["findings"] if f["rule"] == "loss-floor"]
    assert len(found) == 1
    assert "expects logarithms" in found[0]["message"]
