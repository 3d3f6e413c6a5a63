"""What a look measures at some steps is recorded with the training unchanged, whatever the look does."""

import importlib.util
import json
import subprocess
import sys

import pytest
from test_torch_points import rows

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch"),
]

SCRIPT = """
import json, sys, torch
from torch import nn
from labhand.probe import session as sessions, torch_hooks
from labhand.probe.torch_looks import Look

torch.set_num_threads(1)
torch.manual_seed(0)
seen, paired = [], []

class Layers(Look):
    name = "layers"

    def batch(self, module, args, kwargs):
        seen.append([self.step, "batch", float(args[0].sum())])

    def forward(self, name, module, args, output):
        seen.append([self.step, "forward", name])
        assert not torch.is_grad_enabled() and output.requires_grad
        self.point("layer/%s/output" % name, output.abs().max())

    def loss(self, loss):
        seen.append([self.step, "loss", float(loss)])

    def backward(self):
        seen.append([self.step, "backward", len(self.layers())])

    def gradients(self, optimizer):
        layers = [(n, m.weight.grad) for n, m in self.layers().items() if hasattr(m, "weight")]
        norms = torch.stack([g.norm() for _, g in layers])
        self.points(["layer/%s/grad_norm" % n for n, _ in layers], norms)
        seen.append([self.step, "gradients", norms.tolist()])

    def stepped(self, optimizer):
        seen.append([self.step, "stepped", type(optimizer).__name__])
        self.event("facts", looked_at=self.step)

class Neighbours(Look):
    name = "neighbours"
    pairs = True

    def stepped(self, optimizer):
        paired.append(self.step)

class Broken(Look):
    name = "broken"

    def loss(self, loss):
        raise ValueError("no such thing")

torch_hooks.LOOKS = (Layers, Broken, Neighbours)
session = sessions.Session(sys.argv[1])
torch_hooks.arm(torch, session)
model = nn.Sequential(nn.Linear(4, 8), nn.Sequential(nn.ReLU(), nn.Linear(8, 3)))
if sys.argv[2] == "compiled":
    model = torch.compile(model, backend="eager")
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
truth = []
for step in range(200):
    x = torch.randn(5, 4)
    optimizer.zero_grad()
    loss = model(x).pow(2).mean()
    loss.backward()
    truth.append([float(x.sum()), float(loss), [p.grad.norm().item() for p in model.parameters() if p.dim() > 1]])
    optimizer.step()
assert not nn.modules.module._global_forward_hooks
assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
import os
print(json.dumps([seen, truth, paired, os.getpid()]))
"""


def looked_at(folder, kind: str) -> tuple[list, list, list, list, list]:
    command = [sys.executable, "-c", SCRIPT, str(folder), kind]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    seen, truth, paired, pid = json.loads(done.stdout)
    events = [
        json.loads(line) for line in (folder / f"events.{pid}.jsonl").read_text().splitlines()
    ]
    (path,) = folder.glob(f"points.probe-{pid}.log")
    return seen, truth, events, rows(path), paired


def test_a_look_sees_the_points_of_a_step_in_order_and_its_series_are_recorded(tmp_path) -> None:
    seen, truth, events, points, paired = looked_at(tmp_path, "plain")
    steps = sorted({step for step, _, _ in seen})
    assert steps and steps[0] == 1
    for step in steps:
        told = [(point, value) for at, point, value in seen if at == step]
        total, loss, norms = truth[step]
        assert told[0] == ("batch", pytest.approx(total))
        assert told[1:4] == [("forward", "0"), ("forward", "1.0"), ("forward", "1.1")]
        assert told[4:6] == [("loss", pytest.approx(loss)), ("backward", 3)]
        assert told[6:] == [("gradients", pytest.approx(norms)), ("stepped", "SGD")]
        recorded = {k: v for at, row in points if at == step for k, v in row.items()}
        assert recorded["layer/0/grad_norm"] == pytest.approx(norms[0])
        assert recorded["layer/1.1/grad_norm"] == pytest.approx(norms[1])
        assert recorded["layer/1.0/output"] > 0
    facts = [e["data"]["looked_at"] for e in events if "looked_at" in e["data"]]
    assert facts == steps
    rest = paired[: len(paired) - len(paired) % 2]  # the end may come between the two
    assert rest and all(b == a + 1 for a, b in zip(rest[::2], rest[1::2], strict=True))


def test_a_look_that_raises_is_told_once_and_does_not_disturb_the_others(tmp_path) -> None:
    _, _, events, _, _ = looked_at(tmp_path, "plain")
    (fault,) = [e["data"] for e in events if e["kind"] == "fault"]
    assert fault == {"where": "probe/looks/broken", "message": "ValueError: no such thing"}


def test_no_hook_is_put_into_a_compiled_model(tmp_path) -> None:
    seen, _, events, _, _ = looked_at(tmp_path, "compiled")
    points = {point for _, point, _ in seen}
    assert points == {"batch", "loss", "backward", "gradients", "stepped"}
    assert [e["kind"] for e in events if e["kind"] == "fault"] == ["fault"]  # the broken look's own


@pytest.mark.parametrize("closure", [False, True])
def test_the_change_of_the_weights_is_told_with_a_closure_too(lab, closure) -> None:
    """Lightning gives forward and backward to the optimizer as a closure."""
    lab.script(
        "train.py",
        f"""
import torch
torch.manual_seed(0)
model = torch.nn.Linear(8, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x, y = torch.randn(64, 8), torch.randn(64, 2)
def closure():
    optimizer.zero_grad()
    loss = ((model(x) - y) ** 2).mean()
    loss.backward()
    return loss
for _ in range(60):
    if {closure}:
        optimizer.step(closure)
    else:
        closure()
        optimizer.step()
""",
    )
    assert lab.run("train.py").returncode == 0
    metrics = lab.show()["metrics"]
    update = next(
        m for name, m in metrics.items() if name.startswith("layer/") and "/update" in name
    )
    assert update["min"] > 0
    assert "weights-unchanged" not in {f["rule"] for f in lab.show()["findings"]}


def test_of_several_optimizers_only_the_main_ones_layers_are_measured(lab) -> None:
    """A step of the temperature of a policy, or of a discriminator, moves no other weights."""
    lab.script(
        "train.py",
        """
import torch
torch.manual_seed(0)
actor, critic = torch.nn.Linear(8, 8), torch.nn.Linear(8, 2)
temperature = torch.zeros(1, requires_grad=True)
first, second = torch.optim.Adam([temperature]), torch.optim.Adam(critic.parameters())
third = torch.optim.Adam(actor.parameters())
for _ in range(60):
    for optimizer in (first, second, third):
        loss = (critic(actor(torch.randn(64, 8))) ** 2).mean() * temperature.exp().sum()
        for other in (first, second, third):
            other.zero_grad()
        loss.backward()
        optimizer.step()
""",
    )
    assert lab.run("train.py").returncode == 0
    run = lab.show()
    assert not [name for name in run["metrics"] if name.startswith("layer/")]
    assert run["metrics"]["probe/update_ratio"]["non_finite"] == 0
    assert run["findings"] == []


@pytest.mark.parametrize("frozen", [True, False])
def test_a_frozen_part_may_be_run_in_evaluation_mode(lab, frozen) -> None:
    lab.script(
        "train.py",
        f"""
import torch
from torch import nn
torch.manual_seed(0)
body = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1))
model = nn.Sequential(body, nn.Linear(16, 2))
body.requires_grad_({not frozen})
optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
model.eval()
for _ in range(80):
    x = torch.randn(64, 8)
    loss = nn.functional.cross_entropy(model(x), (x[:, 0] > 0).long())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
    )
    assert lab.run("train.py").returncode == 0
    assert ("train-eval-mismatch" in {f["rule"] for f in lab.show()["findings"]}) == (not frozen)


@pytest.mark.parametrize(("folder", "severity"), [("site-packages", "note"), (".", "warning")])
def test_a_part_that_a_librarys_own_model_leaves_out_is_a_note(lab, folder, severity) -> None:
    """The pooler of a BERT whose tokens are used is nobody's mistake."""
    lab.script(
        f"{folder}/towers.py",
        "import torch\n"
        "class Tower(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.body = torch.nn.Linear(8, 8)\n"
        "        self.pooler = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Tanh())\n"
        "    def forward(self, x):\n"
        "        return self.body(x)\n",
    )
    lab.script(
        "train.py",
        f"import sys; sys.path.insert(0, {folder!r})\n"
        "import torch, towers\n"
        "model = torch.nn.Sequential(towers.Tower(), torch.nn.Linear(8, 1))\n"
        "optimizer = torch.optim.SGD(model.parameters(), 0.1)\n"
        "for step in range(60):\n"
        "    loss = (model(torch.randn(16, 8)) - 1).square().mean()\n"
        "    optimizer.zero_grad(); loss.backward(); optimizer.step()\n",
    )
    assert lab.run("train.py").returncode == 0
    (found,) = (f for f in lab.show()["findings"] if f["rule"] == "frozen-parameters")
    assert found["severity"] == severity
    assert "0.pooler.0.weight" in found["message"]
    assert ("`Tower` itself leaves it out" in found["message"]) == (severity == "note")


def test_layers_have_the_names_that_the_script_gives_its_models(lab) -> None:
    """Several models are told apart by their variables, parts of one that is never called by their places."""
    lab.script(
        "train.py",
        """
import torch
from torch import nn
torch.manual_seed(0)

class Whole(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
        self.head = nn.Linear(8, 2)

    def loss(self, x):
        return self.head(self.encoder(x)).pow(2).mean()

def train(loss, parameters):
    optimizer = torch.optim.SGD(parameters, lr=0.01)
    for _ in range(20):
        optimizer.zero_grad()
        loss(torch.randn(16, 8)).backward()
        optimizer.step()

left, right = nn.Sequential(nn.Linear(8, 8)), nn.Sequential(nn.Linear(8, 2))
train(lambda x: right(left(x)).pow(2).mean(), [*left.parameters(), *right.parameters()])
del left, right
whole = Whole()
train(whole.loss, whole.parameters())
""",
    )
    assert lab.run("train.py").returncode == 0
    measured = {n for n in lab.show()["metrics"] if n.startswith("layer/")}
    names = {name.split("/")[1] for name in measured}
    assert names >= {"left.0", "right.0", "encoder.0", "head"}, names


def test_a_bad_batch_is_dated_and_looking_into_it_is_no_evaluation(lab) -> None:
    """The batch is run again, in training mode and without gradients: that was not the script's doing."""
    lab.script(
        "train.py",
        """
import torch
from torch import nn
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 32), nn.Dropout(0.2), nn.Linear(32, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(600):
    loss = model(torch.randn(16, 8)).pow(2).mean()
    if step % 200 == 150:
        loss = loss / torch.zeros(())
        loss = loss - loss
    optimizer.zero_grad()
    loss.backward()
    if step % 200 == 150:
        optimizer.zero_grad()
    optimizer.step()
""",
    )
    assert lab.run("train.py").returncode == 0
    findings = {f["rule"]: f for f in lab.show()["findings"]}
    assert "train-eval-mismatch" not in findings
    found = findings["non-finite"]
    assert found["opened_step"] == 150
    assert "at steps 150, 350, 550" in found["message"]
    assert found["evidence"]["metrics"]["probe/loss"] == 150


def test_what_a_training_before_reached_is_no_matter_of_the_next(lab) -> None:
    """A teacher is trained, and then a student with an optimizer of its own."""
    lab.script(
        "train.py",
        """
import torch
torch.manual_seed(0)
x = torch.randn(64, 8)
teacher, student = torch.nn.Linear(8, 2), torch.nn.Linear(8, 2)
for model, steps in ((teacher, 25), (student, 400)):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        (model(x) - x[:, :2]).pow(2).mean().backward()
        optimizer.step()
""",
    )
    assert lab.run("train.py").returncode == 0
    assert "frozen-parameters" not in {f["rule"] for f in lab.show()["findings"]}


FAULTS = """
import sys, torch
from torch import nn
torch.manual_seed(0)
kind = sys.argv[1]

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = {"a": nn.Linear(8, 8)} if kind == "dict" else nn.ModuleDict({"a": nn.Linear(8, 8)})
        self.norm = nn.BatchNorm1d(8, momentum=1e-4 if kind == "momentum" else 0.1)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.norm(self.blocks["a"](x)))

model = Net()
if kind == "read":
    state = model.state_dict() | {k: v + 1 for k, v in torch.load("net.pt").items() if "weight" in k}
if kind == "loaded":
    model.load_state_dict(torch.load("net.pt"))
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
for step in range(600):
    x = torch.randn(16, 8)
    loss = model(x).pow(2).mean()
    if kind != "uncleared":
        optimizer.zero_grad()
    loss.backward()
    if kind != "unstepped":
        optimizer.step()
    if step % 30 == 29:
        model.eval()
        with torch.no_grad():
            model(x)
        model.train()
    if step == 150 and kind == "crash":
        raise ValueError("no more")
torch.save(Net().state_dict(), "net.pt")
"""


@pytest.mark.parametrize(
    ("kind", "rule", "says"),
    [
        ("fine", "", ""),
        ("dict", "frozen-parameters", "plain dict"),
        ("unstepped", "weights-unchanged", "No optimizer has taken a step"),
        ("read", "checkpoint-not-loaded", "A checkpoint was read"),
        ("loaded", "", ""),
        ("momentum", "train-eval-mismatch", "running statistics"),
        ("crash", "crashed", "step 151"),
    ],
)
def test_what_is_wrong_with_the_weights_is_told(lab, kind: str, rule: str, says: str) -> None:
    lab.script("train.py", FAULTS)
    assert lab.run("train.py", "first").returncode == 0
    lab.run("train.py", kind)
    told = [f for f in lab.show()["findings"] if f["job"] == "watch" and f["severity"] != "note"]
    assert [f["rule"] for f in told] == ([rule] if rule else []), told
    assert says in str(told)


def test_a_second_model_in_one_script_is_looked_at_as_the_first(lab) -> None:
    """After a long first training the looks begin anew, and what the first one was is forgotten."""
    lab.script(
        "train.py",
        """
import torch
from torch import nn
torch.manual_seed(0)
for rate, steps in ((1e-3, 600), (3e-2, 60)):
    model = nn.Sequential(nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(512, 256)).pow(2).mean().backward()
        optimizer.step()
""",
    )
    assert lab.run("train.py").returncode == 0
    shown = lab.show()
    events = [
        json.loads(line)
        for path in lab.folder.glob(".labhand/runs/*/attempts/1/events.*.jsonl")
        for line in path.read_text().splitlines()
    ]
    assert [e["data"]["step"] for e in events if e["kind"] == "begun"] == [600]
    assert any(e["data"]["step"] > 600 for e in events if e["kind"] == "reach")
    assert "learning-rate-jump" not in {f["rule"] for f in shown["findings"]}
