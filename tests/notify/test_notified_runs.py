"""What a person elsewhere hears of a whole run, and what an alarm leads to."""

import json
import os
import signal
import sys
from datetime import datetime, timedelta

import pytest

DYING = """
import signal, sys, time
from pathlib import Path
def leave(*_):
    Path("saved").write_text("yes")
    sys.exit(0)
if "handles" in sys.argv:
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGUSR2, lambda *_: Path("checkpoint").write_text("yes"))
for step in range(20):
    print(f"step {step} loss {2.0 / (1 + step):.4f}", flush=True)
for step in range(20, 40):
    print(f"step {step} loss nan", flush=True)
begun = time.monotonic()
waits = Path("wait")
while not waits.exists() and time.monotonic() - begun < 60 and "short" not in sys.argv:
    time.sleep(0.05)
"""


@pytest.fixture
def dying(lab):
    lab.script("train.py", DYING)
    return lab


def settings(lab, **said):
    lines = [f"{key.replace('_', '-')} = {json.dumps(value)}" for key, value in said.items()]
    lab.script("labhand.toml", "\n".join(lines))


def test_an_alarm_and_the_end_are_two_messages(dying, inbox):
    settings(dying, notify=[inbox.address()])
    done = dying.run("train.py", "short")
    assert done.returncode == 0, done.stderr
    assert len(inbox.came) == 2, inbox.came
    name = dying.show()["name"]
    assert inbox.titles == [f"{name}: non-finite", f"{name} finished"]
    assert "Next: " in inbox.bodies[0] and "report.html" in inbox.bodies[1]
    assert str(inbox.port) not in done.stdout + done.stderr


def test_a_failure_is_told_once_with_its_reason(lab, inbox):
    settings(lab, notify=[inbox.address()], notify_on=["failure"])
    lab.script("train.py", "print('step 1 loss 2.0')\nraise KeyError('colour')\n")
    assert lab.run("train.py").returncode == 1
    assert len(inbox.came) == 1
    assert inbox.titles[0].endswith("failed") and "KeyError" in inbox.bodies[0]


def test_the_variable_beats_the_settings_and_is_never_kept(lab, inbox, monkeypatch):
    settings(lab, notify=["json://127.0.0.1:1/never"])
    lab.script("train.py", "import os\nprint(os.environ['LABHAND_NOTIFY'])\n")
    address = inbox.address(place="/s3cr3t-pl4ce")
    done = lab.run("train.py", env=os.environ | {"LABHAND_NOTIFY": address})
    assert done.returncode == 0 and len(inbox.came) == 1
    assert "[secret:LABHAND_NOTIFY]" in (lab.attempt() / "output.log").read_text()
    kept = [p for p in (lab.folder / ".labhand").rglob("*") if p.is_file()]
    assert not any(b"s3cr3t-pl4ce" in path.read_bytes() for path in kept)


def test_a_dead_service_is_told_and_costs_the_run_nothing(lab):
    settings(lab, notify=["json://127.0.0.1:1/x"], notify_on=["finish"])
    lab.script("train.py", "print('done')\n")
    done = lab.run("train.py")
    assert done.returncode == 0
    assert done.stderr.count("JSON does not take messages") == 1


def test_the_end_in_quiet_hours_is_told_after_them_by_a_process_that_waits(lab, inbox, until):
    now = datetime.now()  # noqa: DTZ005
    hours = [now - timedelta(hours=1), now + timedelta(hours=1)]
    said = {"notify": [inbox.address()], "quiet_hours": "-".join(f"{h:%H:%M}" for h in hours)}
    settings(lab, **said)
    lab.script("train.py", "print('done')\n")
    assert lab.run("train.py").returncode == 0
    home = lab.folder / ".labhand"
    until(lambda: (home / "held.lock").exists() and (home / "held.lock").read_text())
    os.kill(int((home / "held.lock").read_text()), signal.SIGKILL)
    assert inbox.came == [] and (home / "held.jsonl").stat().st_size
    settings(lab, **said | {"quiet_hours": ""})
    from labhand.notify.__main__ import main

    until(lambda: not _locked(home / "held.lock"))
    main(home, lab.folder)
    assert len(inbox.came) == 1 and inbox.titles[0].endswith("finished")


def _locked(path):
    import fcntl

    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_stop_lets_the_script_save(dying):
    done = dying(
        "run", "--on-alarm", "stop", "--", sys.executable, "train.py", "handles"
    )  # it ends by itself
    assert (dying.folder / "saved").read_text() == "yes"
    assert dying.show()["status"] == "stopped"
    assert "stopped because of non-finite" in done.stderr


def test_stop_kills_what_does_not_end(dying):
    settings(dying, alarm_grace=0.2, on_alarm="stop")
    dying.script(
        "train.py", "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + DYING
    )
    done = dying.run("train.py")
    assert done.returncode == 128 + signal.SIGKILL
    assert "is killed" in done.stderr and dying.show()["status"] == "stopped"


def test_checkpoint_reaches_a_script_that_handles_it(dying, until):
    run = dying.start(
        "run", "--on-alarm", "checkpoint", "--", sys.executable, "train.py", "handles"
    )
    until((dying.folder / "checkpoint").exists)
    (dying.folder / "wait").touch()
    _, said = run.communicate(timeout=60)
    assert run.returncode == 0 and b"by SIGUSR2 because of non-finite" in said


def test_checkpoint_leaves_a_script_alone_that_would_die_of_it(dying, until):
    run = dying.start("run", "--on-alarm", "checkpoint", "--", sys.executable, "train.py")
    said = b""
    while b"does not handle SIGUSR2" not in said:
        line = run.stderr.readline()
        assert line, said
        said += line
    (dying.folder / "wait").touch()
    run.communicate(timeout=60)
    assert run.returncode == 0


def test_the_command_gets_the_finding(dying):
    command = 'cat > stdin.json; printf %s "$LABHAND_FINDING" > variable.json; touch wait'
    settings(dying, on_alarm_command=command)
    assert dying.run("train.py").returncode == 0
    told = json.loads((dying.folder / "stdin.json").read_text())
    assert told["rule"] == "non-finite" and told["state"] == "confirmed" and told["alarm"] is True
    assert json.loads((dying.folder / "variable.json").read_text()) == told


def test_a_command_that_fails_is_told_and_the_run_goes_on(dying):
    settings(dying, on_alarm_command="touch wait; echo no; exit 3")
    done = dying.run("train.py")
    assert done.returncode == 0 and "on-alarm-command ended with exit code 3" in done.stderr


def test_nothing_happens_by_default_or_without_a_terminal_to_ask_in(dying):
    done = dying("run", "--on-alarm", "ask", "--", sys.executable, "train.py", "short")
    assert done.returncode == 0 and "stop the run" not in done.stderr


def test_wrong_hours_are_refused_before_anything_is_made(lab):
    settings(lab, quiet_hours="25:00-7")
    lab.script("train.py", "print(1)\n")
    done = lab.run("train.py")
    assert done.returncode == 2 and "22:00-07:00" in done.stderr
    assert not (lab.folder / ".labhand").exists()
