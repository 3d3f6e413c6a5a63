"""In a terminal `labhand run` leaves everything as it was, and adds little."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

import pytest


class Typed:
    """A terminal of its own with `labhand run` in it, as a person sits before one."""

    def __init__(self, folder, *arguments, program=("-m", "labhand"), rows=30, columns=90):
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.environ["TERM"] = "xterm"
            os.environ.pop("COLUMNS", None)
            os.execv(sys.executable, [sys.executable, *program, *map(str, arguments)])
        self.resize(rows, columns)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys):
        os.write(self.fd, keys)

    def expect(self, pattern, seconds=40):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := re.search(pattern, self.seen):
                return found
            if not self._more():
                break
        raise AssertionError(f"{pattern!r} not in {self.seen[-2000:]!r}")

    def end(self, seconds=40):
        """The exit code, everything read."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._more():
            pass
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def _more(self):
        if not select.select([self.fd], [], [], 0.2)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.seen += data
        return bool(data)


@pytest.fixture
def terminal(lab):
    def start(script, *options, **size):
        lab.script("train.py", script)
        return Typed(lab.folder, "run", *options, "--", sys.executable, "train.py", **size)

    return start


def test_the_script_has_a_terminal_of_the_same_size(terminal):
    screen = terminal(
        "import os, sys\nprint(sys.stdin.isatty(), sys.stdout.isatty(), sys.stderr.isatty(),"
        " *os.get_terminal_size())\nsys.exit(7)\n",
        rows=31,
        columns=93,
    )
    screen.expect(rb"True True True 93 31")
    assert screen.end() == 7


def test_a_new_window_size_reaches_the_script(terminal):
    screen = terminal(
        "import os, signal, time\n"
        "signal.signal(signal.SIGWINCH, lambda *a: print('now', *os.get_terminal_size(), flush=True))\n"
        # Python's buffer may still be held when the signal comes, and cannot be entered twice
        "os.write(1, b'ready\\n')\ntime.sleep(1)\ntime.sleep(1)\nprint('end')\n"
    )
    screen.expect(rb"\nready")  # a run may be called ready-snipe
    screen.resize(20, 70)
    screen.expect(rb"now 70 20")
    assert screen.end() == 0


def test_keys_reach_the_script(terminal):
    screen = terminal("name = input('name? ')\nprint('hello', name.upper())\n")
    screen.expect(rb"name\? ")
    screen.type(b"ada\r")
    screen.expect(rb"hello ADA")
    assert screen.end() == 0


def test_control_c_is_the_scripts_own(terminal, lab):
    screen = terminal(
        "import time\ntry:\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    print('saved the checkpoint', flush=True)\n    raise\n"
    )
    screen.expect(rb"\nready")
    screen.type(b"\x03")
    screen.expect(rb"saved the checkpoint")
    assert screen.end() == 130
    assert lab.show()["status"] == "stopped"


def test_a_progress_bar_comes_through_byte_for_byte(terminal):
    screen = terminal(
        "import sys, time\nfor i in range(5):\n"
        "    sys.stderr.write(f'\\r{i}/5 [loss=0.{i}]'); sys.stderr.flush(); time.sleep(0.02)\n"
        "sys.stderr.write('\\n')\n"
    )
    screen.expect(rb"\r0/5 \[loss=0.0\]\r1/5 \[loss=0.1\]\r2/5")
    assert screen.end() == 0


def test_the_quiet_line_shows_while_the_script_is_silent_and_goes(terminal):
    screen = terminal(
        "import time\nprint('step 3: loss 0.25', flush=True)\ntime.sleep(4)\nprint('after', flush=True)\n",
        "--name",
        "calm-owl",
    )
    screen.expect(rb"calm-owl \xc2\xb7 0:0\d.*step 3.*loss 0.25")
    screen.expect(rb"\r\x1b\[K[^\n]*after")
    assert screen.end() == 0


def test_the_terminal_is_as_before_when_the_run_has_ended(lab):
    lab.script("train.py", "import tty\ntty.setraw(0)\nprint('raw', flush=True)\n")
    lab.script(
        "around.py",
        "import subprocess, sys, termios\n"
        "before = termios.tcgetattr(0)\n"
        "subprocess.call([sys.executable, '-m', 'labhand', 'run', '--', sys.executable, 'train.py'])\n"
        "print('same' if termios.tcgetattr(0) == before else 'changed')\n",
    )
    screen = Typed(lab.folder, program=["around.py"])
    screen.expect(rb"same")
    assert screen.end() == 0


def test_control_z_stops_all_and_going_on_goes_on(terminal, until):
    screen = terminal(
        "import time\nfor i in range(400):\n    print('tick', i, flush=True); time.sleep(0.02)\n"
    )
    screen.expect(rb"tick 3")
    screen.type(b"\x1a")
    until(lambda: _state(screen.pid) == "T")
    stopped = [pid for pid in _below(screen.pid) if _state(pid) == "T"]
    assert stopped, "the training is stopped too"
    os.kill(screen.pid, signal.SIGCONT)
    screen.expect(rb"tick 399")
    assert screen.end() == 0


def _state(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def _below(pid):
    import psutil

    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


ILL = (
    "import time\n"
    "for step in range(40):\n"
    "    print(f'step {step} loss {2 / (1 + step) if step < 20 else float(\"nan\")}', flush=True)\n"
)


def test_a_question_is_taken_back_once_there_is_nothing_to_stop_for(terminal, lab):
    well = ILL.replace("range(40)", "range(400)").replace("step < 20", "not 20 <= step < 24")
    pause = "    while step == 24 and not os.path.exists('go'):\n        time.sleep(0.01)\n"
    screen = terminal(f"import os\n{well}{pause}print('got', input())\n", "--on-alarm", "ask")
    screen.expect(rb"stop the run because of non-finite\? y stops it")
    (lab.folder / "go").touch()
    screen.expect(rb"nothing to answer any more")
    screen.type(b"y\r")
    screen.expect(rb"got y")
    screen.end()
    assert lab.show()["status"] == "finished"


@pytest.mark.parametrize(("key", "status"), [(b"y", "stopped"), (b"n", "finished")])
def test_an_alarm_asks_without_holding_up_the_script(terminal, lab, key, status):
    screen = terminal(
        ILL + "time.sleep(0.5)\nprint('on')\nprint('got', input())\n", "--on-alarm", "ask"
    )
    screen.expect(rb"stop the run because of non-finite\? y stops it")
    screen.expect(rb"\bon\r\n")
    screen.type(key)
    if status == "finished":
        screen.expect(rb"the run goes on")
        screen.type(b"y\r")  # the question is answered: this is the script's
        screen.expect(rb"got y")
    else:
        screen.expect(rb"SIGTERM")
    screen.end()
    assert lab.show()["status"] == status
