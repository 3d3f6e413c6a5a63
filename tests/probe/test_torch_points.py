"""A training nobody changed gets its loss, learning rate, gradient norm, update size and times recorded."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch"),
]
BOOT = Path(__file__).parents[2] / "src" / "labhand" / "probe" / "boot"

SCRIPT = """
import json, os, sys, torch
from torch import nn
torch.set_num_threads(1)
torch.manual_seed(0)

def norm(tensors):
    return float(torch.stack([t.detach().norm() for t in tensors]).norm())

def plain(micro=1, divide=1, scaler=None, closure=False):
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD([
        {"params": model[0].parameters(), "lr": 0.1}, {"params": model[2].parameters(), "lr": 0.01}])
    rows = []
    data = torch.utils.data.TensorDataset(torch.randn(60, 4))
    batches = iter(torch.utils.data.DataLoader(data, batch_size=5))
    for step in range(4):
        losses = []

        def evaluate():
            optimizer.zero_grad()
            for _ in range(micro):
                (x,) = next(batches)
                loss = model(x).pow(2).mean() / divide
                losses.append(loss.item())
                (scaler.scale(loss) if scaler else loss).backward()
            return loss

        before = [p.detach().clone() for p in model.parameters()]
        if closure:
            optimizer.step(evaluate)
        else:
            evaluate()
            if scaler:
                scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 0.3)
            scaler.step(optimizer) if scaler else optimizer.step()
            if scaler:
                scaler.update()
        moved = [p - b for p, b in zip(model.parameters(), before)]
        weights = [i for i, p in enumerate(model.parameters()) if p.dim() > 1]
        rows.append({
            "probe/loss": sum(losses) / len(losses),
            "probe/grad_norm": norm([p.grad for p in model.parameters()]),
            "probe/update_ratio": norm([moved[i] for i in weights]) / norm([before[i] for i in weights]),
            "probe/lr": 0.1, "probe/lr.0": 0.1, "probe/lr.1": 0.01,
        })
    return rows

CASES = {
    "plain": lambda: plain(),
    "accumulated": lambda: plain(micro=3),
    "scaled": lambda: plain(scaler=torch.amp.GradScaler("cpu", init_scale=1024.0)),
    "closure": lambda: plain(closure=True),
}
import torch._dynamo
for name, case in CASES.items():
    sys.stdout.flush()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        continue
    print(json.dumps([name, os.getpid(), case()]), flush=True)
    os._exit(0)
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict:
    attempt = tmp_path_factory.mktemp("attempt")
    script = tmp_path_factory.mktemp("project") / "train.py"
    script.write_text(SCRIPT)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LABHAND_")}
    environment.update(PYTHONPATH=str(BOOT), LABHAND_ATTEMPT=str(attempt))
    command = [sys.executable, str(script)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0 and not done.stderr, done.stderr
    faults = [p.read_text() for p in attempt.glob("events*") if "fault" in p.read_text()]
    assert not faults
    found = {}
    for name, pid, truth in map(json.loads, done.stdout.splitlines()):
        (path,) = attempt.glob(f"points.probe-{pid}*.log")
        whole = [
            (step, row) for step, row in rows(path) if "probe/loss" in row
        ]  # looks have their own
        found[name] = (whole, truth)
    return found


def rows(path: Path) -> list:
    from labhand.probe.points import LENGTH, NAMES, PREFIX, ROW, ROW_HEAD

    raw, at, names, found = path.read_bytes(), 0, {}, []
    while at < len(raw):
        _, kind, number, _ = PREFIX.unpack_from(raw, at)
        at += PREFIX.size
        if kind == ROW:
            step, _ = ROW_HEAD.unpack_from(raw, at)
            at += ROW_HEAD.size
            count = len(names[number])
            values = memoryview(raw)[at : at + 8 * count].cast("d")
            found.append((step, dict(zip(names[number], values, strict=True))))
            at += 8 * count
            continue
        (length,) = LENGTH.unpack_from(raw, at)
        at += LENGTH.size
        if kind == NAMES:
            names[number] = json.loads(raw[at : at + length])
        at += length
    return found


def test_the_recorded_values_are_those_of_the_training(recorded: dict) -> None:
    assert set(recorded) == {"plain", "accumulated", "scaled", "closure"}
    for name, (found, truth) in recorded.items():
        assert [step for step, _ in found] == [0, 1, 2, 3], name
        for (_, row), expected in zip(found, truth, strict=True):
            for metric in ("probe/loss", "probe/lr", "probe/lr.0", "probe/lr.1"):
                assert row[metric] == pytest.approx(expected[metric], rel=1e-5), (name, metric)
        # Which later steps are measured whole depends on how fast the machine is.
        for (_, row), expected in zip(found[:2], truth[:2], strict=True):
            for metric in ("probe/grad_norm", "probe/update_ratio"):
                assert row[metric] == pytest.approx(expected[metric], rel=1e-4), (name, metric)
            assert row["probe/memory_bytes"] > 1e7


def test_the_parts_of_a_step_add_up_to_less_than_the_step(recorded: dict) -> None:
    parts = ["data_s", "forward_s", "backward_s", "optimizer_s"]
    for name in ("plain", "accumulated"):
        for step, row in recorded[name][0]:
            if step == 0:
                assert "probe/step_s" not in row  # from what moment on would it count?
                continue
            times = [row["probe/" + part] for part in parts]
            assert min(times) > 0
            assert sum(times) <= row["probe/step_s"]
