"""What a confirmed alarm leads to, where the person asked for it: stop, checkpoint, ask, a command.

Nothing happens by default, and never for an incident that is only suspected. Runs of a sweep may be
stopped as plainly lost as well: by a grave alarm, or beside their siblings.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from labhand.core.finding import Finding
from labhand.core.run import Failure
from labhand.cycle import limit, settle
from labhand.cycle.budget import Purse
from labhand.cycle.request import Face, Status, Through
from labhand.cycle.siblings import Siblings
from labhand.kit.configuration import Configuration, OnAlarm
from labhand.kit.scrub import scrub
from labhand.launch import Process

SAVE = signal.SIGUSR2
"""What asks a script that handles it for a checkpoint; one that does not is left alone."""
LOG = "on-alarm.log"
LOOK_S = 1.0
"""How often it is looked for a stop that was asked for elsewhere."""
LONGEST_VARIABLE = 100_000
"""Of the finding in the environment, in bytes: the system takes no more than 128 kB a variable."""
YES, NO = b"y", b"n"
LOST = frozenset({"non-finite", "diverged", "not-learning"})
"""A run with such an alarm, confirmed, will come to no result."""


class Alarmed(Through):
    """A face that acts on alarms, and at the limit of the run. `folder` is the run's."""

    def __init__(
        self,
        face: Face,
        chosen: Configuration,
        action: OnAlarm,
        limit_s: float | None,
        folder: Path,
        cwd: Path,
        siblings: Siblings | None = None,
        purse: Purse | None = None,
    ) -> None:
        super().__init__(face)
        self._siblings = siblings
        self._purse = purse
        self.lost: Failure | None = None
        self._action = action
        self._command = chosen.on_alarm_command
        self._grace_s = chosen.alarm_grace
        self._folder = folder
        self._cwd = cwd
        self._process: Process | None = None
        self._seen: set[str] = set()
        self._due: list[tuple[Finding, float]] = []
        self._commands: list[threading.Thread] = []
        self._asked: Finding | None = None
        self._killing: float | None = None
        self._price = chosen.price
        self._limit_s = limit_s
        self._began: float | None = None
        self._looked = 0.0

    def status(self, status: Status) -> None:
        """Hands it on, with what the run costs where a price is set."""
        status.priced(self._price)
        super().status(status)
        if self._siblings is not None and self.lost is None and self._killing is None:
            self.lost = self._siblings.hopeless(status)
            if self.lost is not None:
                self._end("its siblings, beside which it is hopeless")

    def over(self) -> bool:
        """Whether the run has reached its limit."""
        if self._limit_s is None or self._began is None:
            return False
        return time.monotonic() - self._began >= self._limit_s

    def why_stopped(self, limit_said: str | None) -> Failure | None:
        """Why labhand stopped the run by itself: its limit, or that it was lost; None: it did not."""
        return limit.reached(limit_said) if self.over() else self.lost

    def carries(self, process: Process) -> None:
        """From now on this is the training."""
        self._process = process
        self._began = self._began or time.monotonic()
        self._asked = self._killing = None
        self._due.clear()

    def finding(self, finding: Finding) -> None:
        """Shows it; a confirmed alarm leads to the action, once."""
        super().finding(finding)
        if finding.state in ("recovered", "closed"):
            self._is_over(finding)
        confirmed = finding.alarm is True and finding.state == "confirmed"
        if not confirmed or finding.id in self._seen or finding.rule == "crashed":
            return
        self._seen.add(finding.id)
        if self._command:
            self._start_command(finding)
        self._due.append((finding, time.monotonic() + self._grace_s))

    def _is_over(self, finding: Finding) -> None:
        """Takes back what is due or asked for an incident that has passed."""
        self._due = [(f, due) for f, due in self._due if f.id != finding.id]
        if self._asked is not None and self._asked.id == finding.id:
            self._asked = None
            self.tell(f"{finding.rule} is {finding.state}: there is nothing to answer any more")

    def turn(self) -> None:
        """Does what is due; call it often, it does not block."""
        if self._process is None:
            return
        self._look_for_stop()
        if self._killing is not None and time.monotonic() >= self._killing:
            self._killing = None
            self.tell(f"it has not ended within {self._grace_s:g} s and is killed")
            self._process.kill()
        if self.over() and self._killing is None and not settle.stop_asked(self._folder):
            self._end(f"its limit of {self._limit_s:g} s")
        if self._purse is not None and self._killing is None and self._purse.used_up():
            self._end_with_all(self._purse)
        # the command may be what saves: the action waits for it, as long as a script may take
        busy = any(thread.is_alive() for thread in self._commands)
        if self._due and (not busy or time.monotonic() >= self._due[0][1]):
            self._act(self._due.pop(0)[0])

    def _end_with_all(self, purse: Purse) -> None:
        """Ends the run as one of a sweep that has used up its budget; no other of it starts."""
        if settle.stop_asked(self._folder):
            return
        what = f"the budget of its sweep, {purse.said}"
        self.lost = Failure("killed", f"it was stopped: {what}, is used up", {"budget": purse.said})
        threading.Thread(target=purse.close, daemon=True).start()  # an engine may be slow to answer
        self._end(what)

    def _look_for_stop(self) -> None:
        """Ends the run where somebody on another host, who cannot reach it, asked for that."""
        now = time.monotonic()
        if self._killing is not None or now - self._looked < LOOK_S:
            return
        self._looked = now
        grace_s = settle.grace_asked(self._folder)
        if grace_s is not None:
            self._grace_s = grace_s
            self._end("a stop asked for from elsewhere")

    def _act(self, finding: Finding) -> None:
        if self._siblings is not None and finding.rule in LOST and self._killing is None:
            self.lost = Failure(
                "killed", f"it was stopped as lost: {finding.message}", {"lost": finding.rule}
            )
            self._end(finding.rule)
        elif self._action == "stop":
            self._end(finding.rule)
        elif self._action == "checkpoint":
            self._save(finding)
        elif self._action == "ask" and self.input() is not None and self._killing is None:
            self._asked = finding
            self.tell(f"stop the run because of {finding.rule}? y stops it, n lets it go on")

    def answer(self, typed: bytes) -> bytes:
        """What was typed, without the answer to a question that was put."""
        said = typed.strip().lower()
        if self._asked is None or said not in (YES, NO):
            return typed
        finding, self._asked = self._asked, None
        if said == YES:
            self._end(finding.rule)
        else:
            self.tell("the run goes on")
        return b""

    def _end(self, why: str) -> None:
        if self._process is None or self._killing is not None:
            return
        self.tell(
            f"stopped because of {why}: the run is sent SIGTERM and has {self._grace_s:g} s to save"
        )
        settle.ask_stop(self._folder)
        self._process.signal(signal.SIGTERM)
        self._process.signal(signal.SIGCONT)
        self._killing = time.monotonic() + self._grace_s

    def _save(self, finding: Finding) -> None:
        assert self._process is not None
        asked = list(_that_handle(SAVE, self._process.pid))
        for pid in asked:
            with suppress(OSError):
                os.kill(pid, SAVE)
        if asked:
            self.tell(f"asked for a checkpoint by SIGUSR2 because of {finding.rule}")
        elif not self._command:
            self.tell(
                f"no checkpoint because of {finding.rule}: the script does not handle SIGUSR2, "
                "and none is sent to one that would die of it; set on-alarm-command, or handle it"
            )

    def _start_command(self, finding: Finding) -> None:
        thread = threading.Thread(target=self._run_command, args=(finding,), daemon=True)
        self._commands.append(thread)
        thread.start()

    def _run_command(self, finding: Finding) -> None:
        told = msgspec.json.encode(finding)
        environment = dict(os.environ)
        if len(told) <= LONGEST_VARIABLE:
            environment["LABHAND_FINDING"] = told.decode()
        try:
            done = subprocess.run(
                ["/bin/sh", "-c", self._command],
                input=told,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=self._cwd,
                env=environment,
                check=False,
            )
            said, ending = done.stdout.decode("utf-8", "replace"), f"exit code {done.returncode}"
        except OSError as error:
            said, ending = "", str(error.strerror)
        log = self._folder / LOG
        with suppress(OSError), log.open("a", encoding="utf-8") as file:
            file.write(f"{finding.rule} {finding.id}: {ending}\n{scrub(said)}")
        if ending != "exit code 0":
            self.tell(f"on-alarm-command ended with {ending}; its output is in {log}")


def _that_handle(number: int, root: int) -> Iterator[int]:
    """The processes of the tree under `root` with a handler of their own for the signal.

    The topmost of each branch alone: data-loading workers have their parent's handlers. None where
    the system does not tell, which only Linux does.
    """
    children: dict[int, list[int]] = {}
    import psutil

    for process in psutil.process_iter(["ppid"]):
        children.setdefault(process.info["ppid"], []).append(process.pid)
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        if _handles(pid, number):
            yield pid
        else:
            waiting += children.get(pid, [])


def _handles(pid: int, number: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return False
    caught = next((line for line in status.splitlines() if line.startswith("SigCgt:")), "SigCgt: 0")
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)
