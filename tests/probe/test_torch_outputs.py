"""What is certain of a model's outputs and inputs is told of a training of a second."""

import importlib.util

import pytest

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch"),
]

SCRIPT = """
import sys, torch
from torch import nn
torch.manual_seed(0)
torch.set_num_threads(1)
kind = sys.argv[1]
last = {"tanh": [nn.Tanh()], "relu": [nn.ReLU()]}.get(kind, [])
net = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 16), *last)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
x = torch.zeros(64, 12) if kind == "zeros" else torch.randn(64, 12)
y = torch.randint(0, 16, (64,)) if kind == "zeros" else 4 * x.repeat(1, 2)[:, :16] + (kind == "far") * 1000
for step in range(240):
    rows = torch.randint(0, 64, (32,))
    out = net(1e-6 * x[rows] if kind == "faint" else x[rows])
    if kind == "zeros":
        loss = nn.functional.cross_entropy(out, y[rows])
    else:
        loss = nn.functional.mse_loss(out, y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 4 == 0:
        print(f"step {step} loss {loss.item():.4f}")
"""


@pytest.mark.parametrize(
    ("kind", "rule", "words"),
    [
        ("faint", "not-learning", "gives the same for every row"),
        ("tanh", "loss-floor", "ends in a tanh"),
        ("relu", "loss-floor", "never below 0"),
        ("zeros", "not-learning", "inputs that are all 0"),
        ("far", None, "gives the same"),
        ("healthy", None, ""),
    ],
)
def test_the_outputs_and_inputs_of_the_first_steps_tell(lab, kind, rule, words) -> None:
    lab.script("train.py", SCRIPT)
    assert lab.run("train.py", kind).returncode == 0
    told = {f["rule"]: str(f) for f in lab.show()["findings"] if f["severity"] != "note"}
    if rule is None:
        assert "loss-floor" not in told and "gives the same" not in str(told)
    else:
        assert words in told[rule], told
