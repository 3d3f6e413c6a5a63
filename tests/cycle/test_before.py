"""What earlier runs of a command teach the watcher of the next one."""

from pathlib import Path

import pytest

from labhand.core.finding import Finding, in_run
from labhand.core.run import Attempt, Run
from labhand.core.store import Store
from labhand.cycle.before import before, keep_peaks
from labhand.kit import verdicts
from labhand.probe.points import Writer

COMMAND = ["python", "train.py"]


def finding(severity: str, score: float) -> Finding:
    return Finding(
        id="d1",
        job="watch",
        rule="diverged",
        severity=severity,  # type: ignore[arg-type]
        confidence=0.9,
        message="m",
        advice="a",
        where=in_run("r", 1),
        evidence={"score": score},
    )


def made(store: Store, status: str = "finished", findings: list[Finding] | None = None) -> Run:
    """A run of the command with three points and its peaks."""
    run_id, name = store.create(None)
    attempt = store.attempt(run_id, 1)
    attempt.mkdir(parents=True)
    writer = Writer(str(attempt), "log")
    for step in range(3):
        writer.row({"loss": 3.0 - step}, step, 1.7e9 + step)
    writer.close()
    keep_peaks(attempt, {"diverged": 0.2})
    run = Run(
        id=run_id,
        name=name,
        command=COMMAND,
        cwd=".",
        started="2026-01-01T00:00:00+00:00",
        status=status,  # type: ignore[arg-type]
        attempts=[Attempt(number=1, command=COMMAND, started="2026-01-01T00:00:00+00:00")],
        findings=findings or [],
        config={"lr": 0.1},
    )
    store.write(run)
    return run


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / ".labhand")


def test_the_latest_comes_first_with_its_curve_and_settings(store: Store) -> None:
    runs = [made(store), made(store, status="failed")]
    earlier, _ = before(store, COMMAND, "9")
    assert [known.name for known in earlier] == [runs[1].name, runs[0].name]
    assert [known.fine for known in earlier] == [False, True]
    assert earlier[1].curve("loss") == [(0, 3.0), (1, 2.0), (2, 1.0)]
    assert earlier[1].curve("nothing") == () and earlier[0].config == {"lr": 0.1}


def test_a_run_in_which_something_was_off_is_no_model(store: Store) -> None:
    made(store, findings=[finding("error", 1.0)])
    ((run,), calibration) = before(store, COMMAND, "9")
    shipped = before(store, ["python", "other.py"], "9")[1]
    assert not run.fine and calibration == shipped


def test_own_healthy_runs_and_verdicts_change_what_is_told(store: Store) -> None:
    run = made(store, findings=[finding("warning", 1.0)])
    shipped = before(store, ["python", "other.py"], "9")[1]
    adapted = before(store, COMMAND, "9")[1]
    assert adapted.peaks["diverged"].count > shipped.peaks["diverged"].count
    assert adapted.level("diverged", 2.0) == "alarm"
    verdicts.add(store.home, finding("error", 2.0), run.id, "fine")
    assert before(store, COMMAND, "9")[1].level("diverged", 2.0) == "note"
    verdicts.add(store.home, finding("error", 2.0), run.id, "undo")
    assert before(store, COMMAND, "9")[1].level("diverged", 2.0) == "alarm"
