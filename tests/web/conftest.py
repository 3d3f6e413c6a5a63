"""Run folders to report on."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import make_example

from labhand.core.run import Attempt, Run
from labhand.core.store import Store
from labhand.kit import points
from labhand.probe.points import Writer


@pytest.fixture(scope="session")
def example(tmp_path_factory):
    root = tmp_path_factory.mktemp("digits")
    store, run = make_example.build(root)
    return store, root, run


@pytest.fixture
def recorded(tmp_path):
    """Makes a run of the given rows: `recorded(rows, **fields of the run)`."""
    store = Store(tmp_path / ".labhand")

    def make(rows, output="", **fields):
        run_id, name = store.create(fields.pop("name", None))
        attempt = store.attempt(run_id, 1)
        attempt.mkdir(parents=True)
        (attempt / "output.log").write_bytes(output.encode("utf-8", "surrogateescape"))
        writer = Writer(str(attempt), "log")
        for step, row in enumerate(rows):
            writer.row(row, step=step, time=1_800_000_000 + step * 0.1)
        writer.close()
        started = "2027-01-15T08:00:00.000+00:00"
        command = fields.pop("command", ["python", "train.py"])
        made = Run(
            id=run_id,
            name=name,
            command=command,
            cwd="/home/ada/project",
            started=started,
            wall_s=fields.pop("wall_s", 12.0),
            status=fields.pop("status", "finished"),
            exit_code=fields.pop("exit_code", 0),
            attempts=[Attempt(number=1, command=command, exit_code=0, started=started)],
            metrics=points.metrics(store.folder(run_id)),
            **fields,
        )
        store.write(made)
        return store, tmp_path, made

    return make
