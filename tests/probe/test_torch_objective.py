"""What the graph of the loss proves, and what is trained by nobody, is told of a training of a second."""

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
y, value = x[:, :6].argmax(1), x[:, :3].sum(1)
ends = {"relu": [nn.ReLU()], "sigmoid": [nn.Sigmoid()]}.get(kind, [])

def build(out):
    return nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, out), *ends)

column = kind in ("crossed", "by hand", "distances")
net = build(1 if column else 6)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
for step in range(400):
    if kind == "model anew" and step == 200:
        net = build(6)
    if kind == "seeded":
        torch.manual_seed(1)
    rows = torch.randint(600, (32,))
    out = net(x[rows])
    if kind == "crossed":
        loss = F.l1_loss(out, value[rows])
    elif kind == "by hand":
        loss = (value[rows] - out).pow(2).mean()
    elif kind == "distances":
        apart = out - out.T
        loss = (apart - (value[rows, None] - value[rows])).pow(2).mean()
    elif kind == "rows":
        loss = F.nll_loss(F.log_softmax(out, 0), y[rows])
    else:
        loss = F.cross_entropy(out, y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step} loss {loss.item():.4f}")
"""


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("kind", "rule", "words"),
    [
        ("relu", "loss-floor", "ends in a ReLU"),
        ("sigmoid", "loss-floor", f"cannot fall below {1.044:.4g}"),
        ("rows", "loss-floor", "over the rows of the batch"),
        ("crossed", "not-learning", "each with all 32"),
        ("by hand", "not-learning", "each with all 32"),
        ("seeded", "repeated-batches", "seeded anew"),
        ("model anew", "weights-unchanged", "none of the weights"),
        ("distances", None, ""),
        ("healthy", None, ""),
    ],
)
def test_the_graph_of_the_first_losses_tells(lab, kind, rule, words) -> None:
    lab.script("train.py", SCRIPT)
    command = (sys.executable, "train.py", kind)
    assert lab("run", "--no-check", "--", *command).returncode == 0
    told = {f["rule"]: str(f) for f in lab.show()["findings"] if f["severity"] != "note"}
    told.pop("slowdown", None)  # a busy machine is one
    if rule is None:
        assert not told
    else:
        assert words in told.get(rule, ""), told


def test_the_function_that_seeds_can_be_handed_to_workers(lab) -> None:
    code = "import pickle, torch\npickle.loads(pickle.dumps(torch.manual_seed))(3)\nprint('seed', torch.initial_seed())\n"
    lab.script("train.py", code)
    done = lab.run("train.py")
    assert done.returncode == 0 and "seed 3" in done.stdout
