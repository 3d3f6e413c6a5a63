"""`labhand run` around a script nobody has changed: what the user gets."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

LOOP = """
import time, sys
for step in range(40):
    print(f"step {step}: loss {1 / (step + 1):.4f}", flush=True)
    time.sleep(0.01)
"""


def test_output_exit_code_and_metrics_are_the_scripts_own(lab):
    lab.script("train.py", LOOP + "print('done', file=sys.stderr)\nsys.exit(3)")
    done = lab.run("train.py")
    assert done.returncode == 3
    assert done.stdout.splitlines()[0] == "step 0: loss 1.0000"
    assert len(done.stdout.splitlines()) == 40
    assert "done" in done.stderr
    shown = lab.show()
    assert shown["schema"] == "labhand.run/1"
    assert shown["status"] == "failed" and shown["exit_code"] == 3
    assert shown["metrics"]["loss"] == {
        "points": 40,
        "first": 1.0,
        "last": 0.025,
        "min": 0.025,
        "max": 1.0,
        "last_step": 39,
        "non_finite": 0,
    }
    assert shown["attempts"][0]["exit_code"] == 3 and shown["attempts"][0]["signal"] is None
    assert shown["environment"]["python"].startswith(f"{sys.version_info[0]}.")
    assert (lab.attempt() / "output.log").read_text().count("loss") == 40


def test_the_report_is_written_beside_the_run(lab):
    lab.script("train.py", LOOP)
    done = lab.run("train.py")
    assert done.returncode == 0
    report = lab.attempt().parent.parent / "report.html"
    assert "<html" in report.read_text(encoding="utf-8")
    assert "report.html" in done.stderr


def test_a_setting_is_changed_without_editing_the_file(lab):
    text = "lr = 0.1\nfor step in range(3):\n    print(f'step {step}: loss {lr * step:.3f}')\n"
    script = lab.script("train.py", text)
    done = lab("run", "--set", "lr=0.5", "--", sys.executable, "train.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "step 2: loss 1.000"
    assert script.read_text() == text
    assert lab.show()["config"]["lr"] == 0.5


def test_an_unknown_setting_gets_the_nearest_names_and_leaves_nothing(lab):
    lab.script("train.py", "learning_rate = 0.1\nprint(learning_rate)\n")
    done = lab("run", "--set", "learning_rte=1", "--", sys.executable, "train.py")
    assert done.returncode == 2
    assert "learning_rate" in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not list(lab.folder.glob(".labhand/runs/*"))


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["no-such-program-here"], "no-such-program-here"),
        ([], "no command"),
        (["--set", "lr", "--", "true"], "KEY=VALUE"),
        (["--on", "moon", "--", "true"], "moon"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_2(lab, command, words):
    done = lab("run", *command)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not list(lab.folder.glob(".labhand/runs/*"))


def test_an_unknown_run_is_one_sentence_and_2(lab):
    for call in (["show", "bold-heron"], ["stop", "x"], ["rerun", "x"], ["note", "x", "y"]):
        done = lab(*call)
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1


def test_a_corrupt_record_is_named_and_the_rest_still_listed(lab):
    lab.script("train.py", LOOP)
    lab.run("train.py")
    broken = lab.show()["id"]
    lab.run("train.py")
    (lab.folder / ".labhand/runs" / broken / "run.json").write_text('{"schema": "labha')
    done = lab("show", broken)
    assert done.returncode == 2 and "damaged" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    listed = lab("runs", "--json")
    assert listed.returncode == 0
    assert json.loads(listed.stdout)["schema"] == "labhand.runs/1"
    assert lab("doctor").returncode == 1
    assert lab("doctor", "--rebuild").returncode in (0, 1)
    assert lab.show(broken)["attempts"][0]["exit_code"] == 0


def test_a_folder_without_write_permission(lab):
    if os.geteuid() == 0:
        done = lab.run("-c", "print(1)", env={**os.environ, "LABHAND_HOME": "/proc/nowhere"})
    else:
        lab.folder.chmod(0o500)
        done = lab.run("-c", "print(1)")
        lab.folder.chmod(0o700)
    assert done.returncode == 2
    assert "LABHAND_HOME" in done.stderr and "Traceback" not in done.stderr


def test_a_script_with_a_syntax_error(lab):
    lab.script("train.py", "for step in range(3)\n    print(step)\n")
    done = lab.run("train.py")
    assert done.returncode == 1
    assert "SyntaxError" in done.stderr
    assert lab.show()["attempts"][0]["failure"]["kind"] == "syntax"


def test_a_script_that_closes_its_stdout(lab):
    lab.script("train.py", "import sys, os\nprint('a', flush=True)\nos.close(1)\nos.close(2)\n")
    assert lab.run("train.py").returncode == 0
    assert lab.show()["status"] == "finished"


def test_a_script_that_leaves_a_daemon_behind(lab):
    lab.script(
        "train.py",
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
        " start_new_session=True)\nprint('left', p.pid, flush=True)\n",
    )
    done = lab.run("train.py", timeout=30)
    os.kill(int(done.stdout.split()[1]), signal.SIGKILL)
    assert done.returncode == 0


def test_a_script_that_ignores_sigterm_is_stopped(lab, until):
    lab.script(
        "train.py",
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('ready', flush=True)\ntime.sleep(300)\n",
    )
    started = lab("run", "--detach", "--name", "deaf", "--", sys.executable, "train.py")
    assert started.returncode == 0, started.stderr
    until(lambda: b"ready" in (lab.attempt() / "output.log").read_bytes())
    assert lab("stop", "deaf", "--grace", "0.3").returncode == 0
    shown = lab.show("deaf")
    assert shown["status"] == "stopped" and shown["exit_code"] == 137


def test_bytes_that_are_no_text_come_through_unchanged(lab):
    blob = bytes(range(256)) * 20
    lab.script("train.py", f"import sys\nsys.stdout.buffer.write({blob!r})\n")
    done = lab.run("train.py", text=False)
    assert done.stdout == blob
    assert done.returncode == 0


def test_what_is_printed_without_a_terminal_is_told_at_once(lab):
    lab.script("train.py", "print('epoch 1 loss 0.5')\nprint('epoch 2 loss 0.25')\ninput()\n")
    running = lab.start("run", "--", sys.executable, "train.py", stdin=subprocess.PIPE)
    assert running.stdout.readline() == b"epoch 1 loss 0.5\n"
    assert running.stdout.readline() == b"epoch 2 loss 0.25\n"
    running.communicate(b"\n", timeout=60)
    assert running.returncode == 0


def test_the_lines_of_several_ranks_come_whole(lab):
    """Though all are told to write at once, as on many machines; they share one pipe."""
    rank = "import sys\nfor step in range(2000): print('rank', sys.argv[1], 'step', step, 'ends')"
    lab.script("rank.py", rank)
    lab.script(
        "train.py",
        "import subprocess, sys\n"
        "ranks = [subprocess.Popen([sys.executable, 'rank.py', r]) for r in '01']\n"
        "sys.exit(any(rank.wait() for rank in ranks))",
    )
    done = lab.run("train.py", env=os.environ | {"PYTHONUNBUFFERED": "1", "WORLD_SIZE": "2"})
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == sorted(
        f"rank {rank} step {step} ends" for rank in (0, 1) for step in range(2000)
    )


def test_a_script_that_prints_much_loses_nothing(lab):
    lab.script("train.py", "import sys\nfor i in range(100_000):\n    print('x' * 99)\n")
    done = lab.run("train.py", text=False)
    assert len(done.stdout) == 10_000_000
    assert (lab.attempt() / "output.log").stat().st_size == 10_000_000


def test_a_command_that_ends_at_once(lab):
    for _ in range(5):
        done = lab("run", "--", "printf", "%s", "at once")
        assert (done.returncode, done.stdout) == (0, "at once")


def test_standard_input_passes(lab):
    done = lab.run("-c", "import sys; print(sys.stdin.read().upper())", input="hello")
    assert done.stdout.strip() == "HELLO"


def test_a_signal_to_labhand_reaches_the_whole_group(lab, until):
    lab.script(
        "train.py",
        "import os, subprocess, sys, time\n"
        "c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\n"
        "print('pids', os.getpid(), c.pid, flush=True)\ntime.sleep(300)\n",
    )
    process = lab.start("run", "--", sys.executable, "train.py")
    line = process.stdout.readline().decode()
    pids = [int(p) for p in line.split()[1:]]
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM
    process.communicate()
    until(lambda: not any(_alive(pid) for pid in pids))
    assert lab.show()["attempts"][0]["signal"] == signal.SIGTERM


def test_interrupting_is_no_failure(lab):
    lab.script("train.py", "import time\nprint('ready', flush=True)\ntime.sleep(300)\n")
    process = lab.start("run", "--", sys.executable, "train.py")
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    shown = lab.show()
    assert shown["status"] == "stopped"
    assert not [f for f in shown["findings"] if f["rule"] == "crashed"]


def test_two_runs_at_once_and_last_and_names(lab):
    lab.script("train.py", LOOP)
    both = [lab.start("run", "--name", n, "--", sys.executable, "train.py") for n in ("a", "b")]
    for process in both:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert {r["name"] for r in json.loads(lab("runs", "--json").stdout)["runs"]} == {"a", "b"}
    assert lab.show("a")["metrics"]["loss"]["points"] == 40


def test_eight_ranks_write_one_run(lab):
    lab.script(
        "train.py",
        "import os, subprocess, sys\n"
        "code = 'import labhand\\nfor i in range(200): labhand.log({\"loss\": i}, step=i)'\n"
        "ranks = [subprocess.Popen([sys.executable, '-c', code],"
        " env={**os.environ, 'RANK': str(r)}) for r in range(8)]\n"
        "sys.exit(max(r.wait() for r in ranks))\n",
    )
    assert lab.run("train.py").returncode == 0
    assert lab.show()["metrics"]["loss"]["points"] == 200
    from labhand.kit.points import series

    folder = lab.attempt().parent.parent
    for rank in range(8):
        assert list(series(folder, "loss", rank=rank).values) == [float(i) for i in range(200)]


def test_a_note_is_kept_and_shown(lab):
    lab.script("train.py", LOOP)
    lab.run("train.py")
    assert lab("note", "last", "beats", "the", "baseline").returncode == 0
    assert "beats the baseline" in lab("show", "last").stdout


def test_rerun_runs_the_code_as_it_was(lab):
    subprocess.run(["git", "init", "-q"], cwd=lab.folder, check=True)
    script = lab.script("train.py", "print('loss: 1.5')\n")
    lab.run("train.py")
    script.write_text("print('loss: 9.5')\n")
    done = lab("rerun", "last")
    assert done.returncode == 0, done.stderr
    assert "loss: 1.5" in done.stdout
    assert script.read_text() == "print('loss: 9.5')\n"
    assert lab.show()["parents"] == [
        lab.show(json.loads(lab("runs", "--json").stdout)["runs"][1]["id"])["id"]
    ]


def test_a_missing_folder_is_made_and_leads_to_a_second_attempt(lab):
    lab.script(
        "train.py",
        "print('step 0: loss 1.0')\nwith open('out/deep/log.txt', 'w') as f:\n    f.write('x')\n",
    )
    done = lab.run("train.py")
    assert done.returncode == 0, done.stderr
    shown = lab.show()
    assert [a["exit_code"] for a in shown["attempts"]] == [1, 0]
    first = shown["attempts"][0]
    assert first["failure"]["kind"] == "missing-folder"
    assert first["fix"]["safety"] == "neutral" and "out/deep" in first["fix"]["patch"]
    assert (lab.folder / "out/deep/log.txt").exists()


def test_fix_off_leaves_a_failure_alone(lab):
    lab.script("train.py", "open('out/log.txt', 'w')\n")
    done = lab("run", "--fix", "off", "--", sys.executable, "train.py")
    assert done.returncode == 1
    assert len(lab.show()["attempts"]) == 1
    assert not (lab.folder / "out").exists()


def test_an_own_mistake_is_explained_and_never_mended(lab):
    lab.script("train.py", "def f(n):\n    assert n > 3, 'too small'\n\nf(2)\n")
    done = lab.run("train.py")
    assert done.returncode == 1
    failure = lab.show()["attempts"][0]["failure"]
    assert failure["kind"] == "own-code"
    assert "train.py, line 2" in failure["message"]


def test_a_loss_that_becomes_nan_raises_the_alarm_while_it_runs(lab):
    lab.script(
        "train.py",
        "import time\nfor step in range(60):\n"
        "    print(f'step {step}: loss {1 / (step + 1) if step < 30 else float(\"nan\")}', flush=True)\n"
        "    time.sleep(0.02)\n",
    )
    done = lab.run("train.py")
    found = [f for f in lab.show()["findings"] if f["rule"] == "non-finite"]
    assert len(found) == 1 and found[0]["alarm"] is True and found[0]["opened_step"] == 30
    alarm, end = done.stderr.index("non-finite"), done.stderr.rindex("report.html")
    assert alarm < end


def test_secrets_never_reach_the_disk(lab):
    secret = "hf_" + "aB3dE5gH7jK9mN1pQ3rS5tU7vW9xY1zA2b"
    hidden = "correct-horse-" + "battery-staple-42"
    lab.script(
        "train.py", "import os, sys\nprint('token', sys.argv[1], os.environ['MY_API_KEY'])\n"
    )
    done = lab(
        "run", "--", sys.executable, "train.py", secret, env={**os.environ, "MY_API_KEY": hidden}
    )
    assert secret in done.stdout, "the terminal stays as it was"
    for path in (lab.folder / ".labhand").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert secret.encode() not in content and hidden.encode() not in content, path


def test_check_speaks_before_the_run_and_does_not_block(lab):
    lab.script(
        "train.py",
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float)\n"
        "p.add_argument('--warmup', type=int, default=3)\nargs = p.parse_args()\nprint(args.lr)\n",
    )
    done = lab.run("train.py")
    assert done.returncode == 0
    assert re.search(r"config-arg-unused.*train\.py:4.*warmup", done.stderr)
    silent = lab("run", "--no-check", "--", sys.executable, "train.py")
    assert "config-arg-unused" not in silent.stderr


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().split(")")[1].split()[0] != "Z"


@pytest.mark.parametrize("logs", ["import labhand\nlabhand.log({'loss': 1}, step=0)", "print(1)"])
def test_the_environment_is_that_of_the_python_that_ran_whatever_started_it(lab, logs):
    lab.script("train.py", logs)
    lab.script("go.sh", f"exec {sys.executable} train.py\n")
    assert lab("run", "--", "bash", "go.sh").returncode == 0
    environment = lab.show()["environment"]
    assert environment["python"] == ".".join(map(str, sys.version_info[:3]))
    assert "numpy" in environment["packages"]
