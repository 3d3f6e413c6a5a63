"""In a run, what check claims and the watch then sees is one finding, proven."""

import importlib.util

import pytest

from labhand.core.finding import Finding, in_code, in_run
from labhand.cycle.proven import joined

torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch")

SOFTMAX_TWICE = """
import torch
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(1)
x = torch.randn(512, 6)
y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3), nn.Softmax(dim=1))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for step in range(60):
    rows = torch.randint(0, 512, (32,))
    loss = criterion(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"step {step} loss {loss.item():.4f}")
"""


@torch
@pytest.mark.torch
def test_a_softmax_taken_twice_is_told_once_with_its_place_and_its_step(lab):
    lab.script("train.py", SOFTMAX_TWICE)
    assert lab.run("train.py", timeout=300).returncode == 0
    found = [f for f in lab.show()["findings"] if f["rule"] in ("loss-double-softmax", "loss-floor")]  # fmt: skip
    assert [f["rule"] for f in found] == ["loss-double-softmax"]
    assert found[0]["confidence"] >= 0.99
    assert found[0]["where"]["line"] == SOFTMAX_TWICE.split("loss = ")[0].count("\n") + 1
    assert found[0]["evidence"]["live"]["rule"] == "loss-floor"
    assert "softmax" in found[0]["evidence"]["measured"]
    assert "seen: The model ends in a softmax" in lab("show", "last").stdout


def claimed(rule, **changes):
    told = {
        "id": "a", "job": "check", "rule": rule, "severity": "error", "confidence": 0.9,
        "message": "claimed", "where": in_code("train.py", 3), "advice": "mend it",
    }  # fmt: skip
    return Finding(**told | changes)


def seen(rule, message, **changes):
    told = {
        "id": "b", "job": "watch", "rule": rule, "severity": "warning", "confidence": 0.8,
        "message": message, "where": in_run("r", 1, step=7), "advice": "look", "state": "closed",
        "confirmed_step": 7, "alarm": True,
    }  # fmt: skip
    return Finding(**told | changes)


def test_what_the_watch_sees_of_something_else_stays_a_finding_of_its_own():
    static = [claimed("mode-eval-missing")]
    inputs = seen("train-eval-mismatch", "Evaluation inputs have mean 3 and deviation 1")
    assert joined(static, [inputs]) == [*static, inputs]
    suspected = seen("unshuffled-data", "sorted", confirmed_step=None)
    static = [claimed("shuffle-off-train")]
    assert joined(static, [suspected]) == [*static, suspected]


def test_a_raised_finding_keeps_place_and_fix_and_says_that_an_alarm_was_told():
    static = [claimed("shuffle-off-train"), claimed("shuffle-off-train", id="c")]
    one, other = joined(static, [seen("unshuffled-data", "A batch holds 1 of 10 classes")])
    assert one.where.line == 3 and one.confidence == 0.99 and one.id == "a"
    live = {"rule": "unshuffled-data", "step": 7, "severity": "warning", "alarm": True}
    assert one.evidence["live"] == live
    assert other == static[1]
