"""A trial looks closely at a training and leaves its first steps as they are, bit for bit."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch"),
]

BOOT = Path(__file__).resolve().parents[2] / "src" / "labhand" / "probe" / "boot"

SCRIPT = """
import random

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(1)
torch.manual_seed(0)
random.seed(0)
np.random.seed(0)
x = torch.randn(400, 6)
loader = DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(6, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for step, (rows, labels) in enumerate(loader):
    loss = nn.functional.cross_entropy(model(rows + random.random() + np.random.rand()), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    mean = model[1].running_mean
    print(step, loss.item().hex(), sum(p.double().sum() for p in model.parameters()).item().hex(),
          mean.double().sum().item().hex(), torch.rand(1).item(), flush=True)
    if step % 3 == 2:
        with torch.no_grad():
            print("score", model(x[:64]).sum().item().hex(), flush=True)
"""


def lines(tmp_path, **env):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script], env={**os.environ, **env}, capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_steps_that_are_looked_at_are_those_of_the_training_bit_for_bit(tmp_path):
    alone = lines(tmp_path)
    record = tmp_path / "record"
    record.mkdir()
    looked = lines(tmp_path, PYTHONPATH=str(BOOT), LABHAND_ATTEMPT=str(record), LABHAND_TRIAL="100")
    told = "".join(p.read_text() for p in record.glob("events*.jsonl"))
    assert '"what": "one-batch"' in told and '"what": "leak"' in told
    assert 9 <= len(looked) < len(alone)  # it ended the training early
    assert looked == alone[: len(looked)]
    assert '"fault"' not in told and "failed" not in told


def test_without_the_wish_for_a_trial_nothing_of_it_is_loaded(tmp_path):
    record = tmp_path / "record"
    record.mkdir()
    script = "import torch, sys; print([m for m in sys.modules if '.trial' in m])"
    env = {**os.environ, "PYTHONPATH": str(BOOT), "LABHAND_ATTEMPT": str(record)}
    told = subprocess.check_output([sys.executable, "-c", script], env=env, text=True)
    assert told.strip() == "[]"
