"""The built-in detectors and readers keep the contracts that those of others are held to."""

import gzip
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from labhand.core import registry
from labhand.probe.points import Writer
from labhand.watch.contract import DetectorContract, ReaderContract

ROOT = Path(__file__).parents[2]
SAMPLES = Path(__file__).parent / "samples"


class TestBuiltInDetectors(DetectorContract):
    @pytest.fixture(params=registry.extensions("detector"), ids=lambda e: e.name)
    def files(self, request: pytest.FixtureRequest) -> tuple[Path, Path]:
        case = ROOT / "cases" / "watch" / f"{request.param.name}.md"
        return registry.source_of(request.param), case


def written(name: str, text: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_text(text)
        return path

    return make


def unpacked(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name.removesuffix(".gz")
        path.write_bytes(gzip.decompress((SAMPLES / name).read_bytes()))
        return path

    return make


def copied(name: str) -> Callable[[Path], Path]:
    return lambda folder: Path(shutil.copy(SAMPLES / name, folder))


def points(folder: Path) -> Path:
    writer = Writer(str(folder), "log")
    for step in range(20):
        writer.row({"loss": math.nan if step == 7 else 1 / (step + 1)}, step, 1.7e9 + step)
    writer.close()
    (path,) = folder.glob("points.*.log")
    return path


def parquet(folder: Path) -> Path:
    import polars as pl

    path = folder / "m.parquet"
    pl.DataFrame({"step": range(20), "loss": [math.nan, *range(19)]}, strict=False).write_parquet(
        path
    )
    return path


HISTORY = [{"loss": 2.5 / step, "epoch": step / 4, "step": step * 10} for step in range(1, 9)]
LOGS = {
    "csv": written("m.csv", "step,loss,acc\n1,2.5,0.1\n2,nan,\n3,inf,0.3\n4,1.5,0.4\n"),
    "history": written("history.json", json.dumps({"loss": [2.5, 1.5, 1.2], "lr": [1, 1, 0.1]})),
    "jsonl": written("m.jsonl", "".join(f"{json.dumps(entry)}\n" for entry in HISTORY)),
    "mlflow": unpacked("mlflow.db.gz"),
    "output": written("out.log", "".join(f"step {i}: loss {2 / (i + 1):.4f}\n" for i in range(9))),
    "parquet": parquet,
    "points": points,
    "tfevents": copied("events.out.tfevents.simple"),
    "trackio": unpacked("trackio.db.gz"),
    "trainer-state": written("trainer_state.json", json.dumps({"log_history": HISTORY})),
    "wandb": unpacked("run.wandb.gz"),
}


class TestBuiltInReaders(ReaderContract):
    @pytest.fixture(params=registry.extensions("reader"), ids=lambda e: e.name)
    def files(self, request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
        folder = tmp_path / "logs"
        folder.mkdir()
        return registry.source_of(request.param), LOGS[request.param.name](folder)


def test_a_detector_that_knows_the_future_breaks_the_contract(tmp_path: Path) -> None:
    """The contract is worth something: a detector that keeps state in its class fails it."""
    path = tmp_path / "leaky.py"
    path.write_text(
        '"""Leaks.\n\n## What it does\nx\n\n## References\nx\n"""\n'
        "from labhand.watch.incidents import Claim\n\n\n"
        "class Detector:\n    seen = []\n\n    def __init__(self, roles):\n        pass\n\n"
        "    def see(self, signal):\n        self.seen.append(signal)\n"
        "        return [Claim(key='', state='confirmed', severity='note', confidence=1.0, "
        "message=f'{len(self.seen)} signals', advice='none')]\n"
    )
    case = ROOT / "cases" / "watch" / "spike.md"
    with pytest.raises(AssertionError):
        DetectorContract().test_knows_nothing_of_what_comes_later((path, case))
    with pytest.raises(AssertionError):
        DetectorContract().test_cases_hold((path, case))
    with pytest.raises(AssertionError, match="'seen'"):
        DetectorContract().test_has_one_method((path, case))
