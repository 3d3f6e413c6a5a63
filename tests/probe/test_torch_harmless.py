"""A training with the probe is the same as without it, to the last bit and the last printed digit."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch"),
]


def run(*arguments: str) -> subprocess.CompletedProcess:
    script = Path(__file__).with_name("torch_twins.py")
    command = [sys.executable, str(script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return done


def by_case(output: str) -> dict:
    cases: dict = {}
    for line in output.splitlines():
        if line.startswith("case "):
            lines = cases.setdefault(line[5:], [])
        else:
            lines.append(line)
    return cases


def test_losses_weights_optimizers_and_random_states_are_the_same_with_the_probe(tmp_path) -> None:
    without, armed = run(), run(str(tmp_path))
    expected, found = by_case(without.stdout), by_case(armed.stdout)
    assert len(expected) == 10
    for name, lines in expected.items():
        assert lines[-1].startswith("bits "), (name, lines[-3:])
        assert found[name] == lines, name

    pids = dict(json.loads(line) for line in armed.stderr.splitlines() if line.startswith("["))
    events: dict = {name: [] for name in expected}
    for name, pid in pids.items():
        path = tmp_path / f"events.{pid}.jsonl"
        if path.exists():
            events[name] = [json.loads(line) for line in path.read_text().splitlines()]
        assert list(tmp_path.glob(f"points.probe-{pid}*.log")), name
    # The twins are worth nothing where the probe had not really run its diagnosis.
    for name, told in events.items():
        kinds = [e["kind"] for e in told]
        assert "fault" not in kinds, (name, told)
        assert ("non-finite" in kinds) == (name.startswith("diagnosed") or name == "compiled"), name
