"""The local launcher: the training runs as if labhand were not there."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from labhand.core.errors import NotFoundError, RecordError, UsageError
from labhand.launch import Process, attach, start, stop
from labhand.launch.contract import PATIENCE_S, LauncherContract, finish, job_of, python, read_until
from labhand.launch.kept import keepers_stay
from labhand.launch.launchers.local import Launcher


class TestContract(LauncherContract):
    @pytest.fixture
    def launcher(self) -> Launcher:
        return Launcher()


class TestContractUnderAKeeperThatStayed(LauncherContract):
    @pytest.fixture
    def launcher(self, tmp_path: Path) -> Iterator[Launcher]:
        with keepers_stay():
            (tmp_path / "first").mkdir()
            finish(start(job_of(tmp_path / "first", ["true"], terminal=(24, 80))))
            yield Launcher()


def until(condition, what: str):
    deadline = time.monotonic() + PATIENCE_S
    while not (result := condition()):
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.01)
    return result


def test_an_unknown_launcher_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="did you mean `local`"):
        start(job_of(tmp_path, ["true"]), launcher="locl")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ([], "no command was given"),
        (["./folder"], "is a folder"),
        (["./train.py"], "is not executable; run it as `python ./train.py`"),
        (["train.py"], "run it as `python train.py`"),
        (["./trian.py"], r"did you mean `.*train\.py`"),
        (["./nowhere/x"], "does not exist either"),
        (["./data"], "`chmod \\+x ./data`"),
        (["pythn3"], "did you mean `python3"),
        (["./lost"], "interpreter that does not exist: `#!/no/such/python`"),
        (["./binary"], "Exec format error"),
    ],
)
def test_a_command_that_cannot_start_is_one_sentence(tmp_path: Path, command, words) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "train.py").write_text("print(1)")
    (tmp_path / "data").write_text("1,2")
    for name, content in (("lost", b"#!/no/such/python\n"), ("binary", b"\x7fELF\0\0garbage")):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o755)
    fds = len(os.listdir("/proc/self/fd"))
    children = {child.pid for child in psutil.Process().children()}
    with pytest.raises(UsageError, match=words) as caught:
        start(job_of(tmp_path, command))
    assert "\n" not in str(caught.value)
    assert len(os.listdir("/proc/self/fd")) == fds
    assert {child.pid for child in psutil.Process().children()} <= children


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    job = job_of(tmp_path, ["true"])
    job.cwd = str(tmp_path / "gone")
    with pytest.raises(UsageError, match="gone does not exist"):
        start(job)


def test_a_script_without_interpreter_line_runs_as_in_a_shell(tmp_path: Path) -> None:
    (tmp_path / "run").write_text('echo "$1"\n')
    (tmp_path / "run").chmod(0o755)
    _, said = finish(start(job_of(tmp_path, ["./run", "a b"])))
    assert said["stdout"] == b"a b\n"


def test_what_ends_at_once_is_whole(tmp_path: Path) -> None:
    for number in range(20):
        terminal = (24, 80) if number % 2 else None
        command = ["/bin/echo", "x" * 3000]
        end, said = finish(start(job_of(tmp_path, command, terminal=terminal)))
        assert end.exit_code == 0
        assert said["stdout"].rstrip() == b"x" * 3000


@pytest.mark.parametrize("terminal", [None, (24, 80)])
def test_much_output_arrives_whole(tmp_path: Path, terminal) -> None:
    size = 8_000_000
    code = f"import sys\nfor i in range({size} // 100): sys.stdout.write('%098d\\n' % i)"
    process = start(job_of(tmp_path, python(code), terminal=terminal))
    _, said = finish(process)
    lines = said["stdout"].split()
    assert len(lines) == size // 100
    assert [int(line) for line in lines] == list(range(size // 100))


def test_a_window_of_no_size_is_harmless(tmp_path: Path) -> None:
    code = "import os; print(*os.get_terminal_size())"
    _, said = finish(start(job_of(tmp_path, python(code), terminal=(0, 0))))
    assert said["stdout"] == b"0 0\r\n"


def run_outside(tmp_path: Path, body: str, **how) -> subprocess.Popen:
    """A process that plays labhand: it can be killed."""
    script = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from labhand.launch import start\n"
        "from labhand.launch.contract import finish, job_of, python, read_until\n"
        f"here = Path({str(tmp_path)!r})\n" + body
    )
    return subprocess.Popen([sys.executable, "-c", script], **how)


def test_piped_input_passes_while_output_is_a_terminal(tmp_path: Path) -> None:
    code = "import os, sys; print(repr(sys.stdin.read()), [os.isatty(i) for i in range(3)])"
    body = (
        f"job = job_of(here, python({code!r}), terminal=(24, 80), on_terminal=None)\n"
        "end, said = finish(start(job))\n"
        "print(said['stdout'].decode())\n"
    )
    labhand = run_outside(
        tmp_path, body, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    out, _ = labhand.communicate(b"x\n", timeout=PATIENCE_S)
    assert out.strip() == b"'x\\n' [False, True, False]"


def test_input_that_is_closed_reads_as_empty(tmp_path: Path) -> None:
    body = (
        "os.close(0)\n"
        "end, said = finish(start(job_of(here, python('print(repr(input()))'))))\n"
        "os._exit(0 if b'EOFError' in said['stderr'] else 1)\n"
    )
    assert run_outside(tmp_path, body).wait(PATIENCE_S) == 0


def test_a_handed_descriptor_reaches_the_training_and_ours_do_not(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.set_inheritable(read, True)
    os.write(write, b"through")
    os.close(write)
    code = f"import os; print(os.read({read}, 9), *os.listdir('/proc/self/fd'))"
    _, said = finish(start(job_of(tmp_path, python(code), terminal=(24, 80))))
    os.close(read)
    content, *fds = said["stdout"].decode().rsplit("'", 1)[0] + "'", *said["stdout"].split()[1:]
    assert content == "b'through'"
    ours = {b"0", b"1", b"2", str(read).encode()}
    assert len(set(fds) - ours) <= 1 + len(inherited_by_us())  # its own listing


def inherited_by_us() -> set[str]:
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            if int(name) > 2 and not fcntl.fcntl(int(name), fcntl.F_GETFD) & fcntl.FD_CLOEXEC:
                found.add(name)
        except OSError:
            continue
    return found


def test_a_training_that_closes_its_output_is_awaited(tmp_path: Path) -> None:
    code = (
        "import os, time\nprint('last', flush=True)\n"
        "for fd in range(3): os.close(fd)\ntime.sleep(.3)\nopen('done', 'w')\nos._exit(5)"
    )
    for terminal in (None, (24, 80)):
        end, said = finish(start(job_of(tmp_path, python(code), terminal=terminal)))
        assert end.exit_code == 5 and said["stdout"].split() == [b"last"]
        (tmp_path / "done").unlink()


@pytest.mark.parametrize("terminal", [None, (24, 80)])
def test_a_daemon_does_not_hold_up_the_end_and_is_not_hurt(tmp_path: Path, terminal) -> None:
    code = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid(); open('daemon', 'w').write(str(os.getpid()))\n"
        "    while not os.path.exists('go'): time.sleep(.01)\n"
        "    print('x' * 200_000, flush=True); os.rename('daemon', 'finished'); os._exit(0)\n"
        "while not os.path.exists('daemon'): time.sleep(.01)\n"
        "print('parent', flush=True); os._exit(0)"
    )
    end, said = finish(start(job_of(tmp_path, python(code), terminal=terminal)))
    assert end.exit_code == 0 and said["stdout"].split() == [b"parent"]
    (tmp_path / "go").touch()
    until((tmp_path / "finished").exists, "the daemon writes on")


def test_stop_asks_and_then_forces(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, time; signal.signal(15, signal.SIG_IGN)\n"
        "if os.fork() == 0: os.setsid()\n"
        "print(os.getpid(), flush=True); time.sleep(600)"
    )
    process = start(job_of(tmp_path, python(code)))
    said = read_until(process, b"\n")
    while said.count(b"\n") < 2:
        said += b"".join(output.data for output in process.read(0.1))
    end = stop(process, grace_s=0.3)
    process.close()
    assert end is not None and (end.exit_code, end.signal) == (137, signal.SIGKILL)
    for pid in map(int, said.split()):
        until(lambda pid=pid: not psutil.pid_exists(pid) or is_zombie(pid), f"{pid} is gone")


def is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_what_a_stopped_training_still_says_is_taken(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, time\n"
        "signal.signal(15, lambda *_: (print('saved', flush=True), sys.exit(3)))\n"
        # Python's buffer may still be held when the signal comes, and cannot be entered twice
        "os.write(1, b'ready')\ntime.sleep(600)"
    )
    process = start(job_of(tmp_path, python(code)))
    read_until(process, b"ready")
    taken = []
    end = stop(process, take=taken.append)
    process.close()
    assert end is not None and end.exit_code == 3
    assert b"".join(output.data for output in taken).split() == [b"saved"]


def test_pausing_and_going_on(tmp_path: Path) -> None:
    code = "import time; print('up', flush=True); input(); print('on')"
    process = start(job_of(tmp_path, python(code), terminal=(24, 80)))
    read_until(process, b"up")
    process.signal(signal.SIGSTOP)
    until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, "it is stopped")
    process.write(b"\n")
    assert process.end() is None
    process.signal(signal.SIGCONT)
    end, said = finish(process)
    assert end.exit_code == 0 and b"on" in said["stdout"]


def test_nothing_is_left_open_and_no_zombie(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    children = {child.pid for child in psutil.Process().children()}
    for terminal in (None, (24, 80)):
        finish(start(job_of(tmp_path, ["true"], terminal=terminal)))
    assert set(os.listdir("/proc/self/fd")) == before
    assert {child.pid for child in psutil.Process().children()} <= children


def test_the_training_knows_its_keeper(tmp_path: Path) -> None:
    code = "import os; print(os.environ['LABHAND_KEEPER'], os.getppid())"
    _, said = finish(start(job_of(tmp_path, python(code))))
    keeper, parent = said["stdout"].split()
    assert keeper == parent


def test_keepers_stay_for_what_is_started_next(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    daemon = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    while not os.path.exists('go'): time.sleep(.01)\n"
        "    os.rename('go', 'gone'); print('late', flush=True); os._exit(0)\n"
    )
    code = "import os; print(os.environ['LABHAND_KEEPER'], os.getcwd(), os.isatty(1) and input())"
    with keepers_stay():
        seen = []
        for number, terminal in enumerate([None, (24, 80), None, None]):
            (here := tmp_path / str(number)).mkdir()
            if number == 2:
                finish(start(job_of(here, python(daemon))))
            if number == 3:
                (killed := psutil.Process(int(seen[-1]))).kill()
                killed.wait()
            process = start(job_of(here, python(code), terminal=terminal))
            process.write(b"typed\n")
            _, said = finish(process)
            keeper, *words = said["stdout"].split()[-3:]
            seen.append(keeper)
            assert words == [bytes(here), b"typed" if terminal else b"False"]
        with pytest.raises(UsageError, match="no/such/python"):
            (tmp_path / "lost").write_bytes(b"#!/no/such/python\n")
            (tmp_path / "lost").chmod(0o755)
            start(job_of(tmp_path, ["./lost"]))
    assert seen[0] == seen[1] == seen[2] != seen[3]
    (tmp_path / "2" / "go").touch()
    until((tmp_path / "2" / "gone").exists, "the daemon writes on")
    assert set(os.listdir("/proc/self/fd")) == before


COUNTING = (
    "import os, sys, time\n"
    "for i in range(40):\n"
    "    print('line', i, 'x' * 2000, flush=True)\n"
    "    print('warn', i, file=sys.stderr, flush=True)\n"
    "    time.sleep(.01)\n"
    "print('key', os.environ.get('WANDB_API_KEY'))\n"
    "open('finished', 'w').close()\nraise SystemExit(9)"
)
SECRET = "f3a91c" * 6 + "77aa"


def started_outside(tmp_path: Path, terminal) -> tuple[subprocess.Popen, Process]:
    body = (
        f"job = job_of(here, python({COUNTING!r}), terminal={terminal}, WANDB_API_KEY={SECRET!r})\n"
        "process = start(job)\n"
        "read_until(process, b'line 3 ')\n"
        "(here / 'seen').touch()\n"
        "finish(process)\n"
    )
    labhand = run_outside(tmp_path, body, start_new_session=True)
    until((tmp_path / "seen").exists, "it runs")
    return labhand, attach(tmp_path / "attempt")


@pytest.mark.parametrize("terminal", [None, (24, 80)])
def test_killing_labhand_leaves_the_training_and_its_record(tmp_path: Path, terminal) -> None:
    labhand, process = started_outside(tmp_path, terminal)
    os.killpg(labhand.pid, signal.SIGKILL)
    labhand.wait()
    end = until(process.end, "the training has ended")
    assert end.exit_code == 9 and (tmp_path / "finished").exists()
    output = (tmp_path / "attempt" / "output.log").read_bytes()
    assert b"line 39 " in output and b"warn 39" in output
    assert b"key" in output and SECRET.encode() not in output
    assert (tmp_path / "attempt" / "output.log").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("terminal", [None, (24, 80)])
def test_killing_the_keeper_leaves_the_training_and_its_end(tmp_path: Path, terminal) -> None:
    process = start(job_of(tmp_path, python(COUNTING), terminal=terminal))
    read_until(process, b"line 3 ")
    os.kill(psutil.Process(process.pid).ppid(), signal.SIGKILL)
    end, said = finish(process)
    assert (end.exit_code, end.signal) == (9, None)
    assert b"line 39 " in said["stdout"] and (tmp_path / "finished").exists()
    assert attach(tmp_path / "attempt").end() == end


@pytest.mark.parametrize("terminal", [None, (24, 80)])
def test_killing_both_ends_the_run_with_the_truth_on_disk(tmp_path: Path, terminal) -> None:
    labhand, process = started_outside(tmp_path, terminal)
    training = psutil.Process(process.pid)
    training.parent().kill()
    os.killpg(labhand.pid, signal.SIGKILL)
    labhand.wait()
    until(lambda: not training.is_running() or is_zombie(training.pid), "nothing is left hanging")
    end = process.end()
    assert end is not None and end.exit_code is None


def test_letting_go_of_a_running_training_hands_it_to_the_keeper(tmp_path: Path) -> None:
    process = start(job_of(tmp_path, python(COUNTING)))
    read_until(process, b"line 3 ")
    process.close()
    end = until(attach(tmp_path / "attempt").end, "the training has ended")
    assert end.exit_code == 9 and (tmp_path / "finished").exists()


def test_another_labhand_can_stop_it(tmp_path: Path) -> None:
    process = start(job_of(tmp_path, ["sleep", "600"]))
    other = attach(tmp_path / "attempt")
    assert other.end() is None and other.read(0.01) == [] and other.fileno() == []
    other.signal(signal.SIGTERM)
    end, _ = finish(process)
    assert end.exit_code == 143 and other.end() == end
    other.signal(signal.SIGTERM)  # nothing is there any more, and nothing is hit
    other.kill()


def test_a_recycled_pid_is_not_taken_for_the_training(tmp_path: Path) -> None:
    record = tmp_path / "process.json"
    record.write_text(f'{{"keeper": 1, "pid": {os.getpid()}, "started": "", "start_ticks": 1}}')
    process = attach(tmp_path)
    process.kill()
    record.write_text(record.read_text().replace("}", ', "boot_id": "another"}'))
    attach(tmp_path).kill()
    (tmp_path / "end.json").write_text('{"ended": "2026-01-01T00:00:00+00:00", "exit_code": 3}')
    assert attach(tmp_path).end().exit_code == 3


def test_an_attempt_without_a_process_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="never started"):
        attach(tmp_path)


def test_a_full_disk_does_not_stop_the_training(tmp_path: Path) -> None:
    job = job_of(tmp_path, python("print('fine')"))
    (tmp_path / "attempt").rmdir()  # nothing of the keeper's can be written
    end, said = finish(start(job))
    assert end.exit_code == 0 and said["stdout"] == b"fine\n"


def test_a_signal_at_our_terminal_does_not_reach_the_training(tmp_path: Path) -> None:
    body = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        f"process = start(job_of(here, python({COUNTING!r})))\n"
        "(here / 'seen').touch()\n"
        "os._exit(finish(process)[0].exit_code)\n"
    )
    labhand = run_outside(tmp_path, body, start_new_session=True)
    until((tmp_path / "seen").exists, "it runs")
    os.killpg(labhand.pid, signal.SIGINT)
    assert labhand.wait(PATIENCE_S) == 9


def test_shell_scripts_and_their_pipes(tmp_path: Path) -> None:
    (tmp_path / "train.sh").write_text("yes | head -n 2\nexit ${PIPESTATUS[0]}\n")
    end, said = finish(start(job_of(tmp_path, ["bash", "train.sh"])))
    assert said["stdout"] == b"y\ny\n" and said["stderr"] == b""
    assert end.exit_code == 128 + signal.SIGPIPE
