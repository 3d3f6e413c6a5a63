"""The tools that start runs, wait for them, hold them against each other, and record decisions."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from labhand.core.errors import LabhandError, UsageError
from labhand.core.finding import Finding
from labhand.core.run import Run as Record
from labhand.mcp import telling
from labhand.mcp.looking import Limit, settled
from labhand.mcp.tools import Call, Tool, words_of

POLL_S = 0.5
TELL_S = 2.0
RUN = "An id, a name, or `last`."
Reference = Annotated[str, Meta(description=RUN)]
Seconds = Annotated[
    float,
    Meta(
        ge=0,
        le=86400,
        description="Wait at most so long. Many agents give up on a call after 60 s.",
    ),
]


class Run(Tool, kw_only=True):
    """Start a training or any command: recorded, supervised, watched; the script needs no change.

    It goes on in the background whatever becomes of this conversation; minor failures of deployment
    are mended. Answers with its name at once, or after `seconds`; then call `wait`.
    """

    reads: ClassVar[bool] = False

    command: Annotated[
        str | list[str], Meta(description="Words or a line, such as `python train.py --lr 3e-4`.")
    ]
    name: Annotated[str | None, Meta(description="A name; one is made up otherwise.")] = None
    settings: Annotated[
        dict[str, str | float | bool],
        Meta(description="Settings to change without editing the script, by name."),
    ] = msgspec.field(default_factory=dict)
    fix: Annotated[
        Literal["neutral", "off"],
        Meta(description="Whether failures may be mended by what leaves the science alone."),
    ] = "neutral"
    folder: Annotated[
        str | None, Meta(description="Where to run it; the project's folder otherwise.")
    ] = None
    seconds: Seconds = 0

    def do(self, call: Call) -> str:
        """The name of the run, or how it went."""
        words = words_of(self.command)
        options = ["--detach", "--fix", self.fix]
        options += ["--name", self.name] if self.name is not None else []
        for key, value in self.settings.items():
            options += ["--set", f"{key}={value}"]
        where = ["-C", str(call.here.path(self.folder))] if self.folder else []
        said = labhand(call, "run", *where, *options, "--", *words)
        match = re.match(r"(.*) runs in the background;", said)
        name = match[1] if match else "last"
        if not self.seconds:
            return f'{name} runs; wait(run="{name}") tells how it gets on'
        return waited(call, name, self.seconds, alarm=True)


class Wait(Tool, kw_only=True):
    """Wait for a run until it ends, an alarm comes up, or the seconds are over; tell how it is."""

    run: Reference = "last"
    seconds: Seconds = 45
    alarm: Annotated[bool, Meta(description="Come back at a new alarm too.")] = True

    def do(self, call: Call) -> str:
        """How the run stands or went."""
        return waited(call, self.run, self.seconds, self.alarm)


class Stop(Tool, kw_only=True):
    """Stop a run that goes on: it is asked to end, and killed when it does not within the grace."""

    reads: ClassVar[bool] = False
    ends: ClassVar[bool] = True

    run: Annotated[str, Meta(description=RUN)]
    grace: Annotated[float, Meta(ge=0, le=600, description="Seconds to end by itself.")] = 10

    def do(self, call: Call) -> str:
        """How it stands now."""
        from labhand.cycle.settle import stop_run

        store = call.here.store
        run = stop_run(store, store.find(self.run), self.grace)
        return f"{run.name} {run.status}"


class Runs(Tool, kw_only=True):
    """List the runs of this project, newest first, each with its result and what is off."""

    limit: Limit = 20

    def do(self, call: Call) -> str:
        """One run a line."""
        from labhand.cycle.settle import listing

        store = call.here.store
        return telling.runs(listing(store, self.limit), len(store.ids()))


class Show(Tool, kw_only=True):
    """Show a run: how it went, what is off with likely causes, why it failed, notes.

    Other parts: `findings`, `metrics`, `settings`, `output` (the end of what it printed), `diff` (its
    code against the code now).
    """

    run: Reference = "last"
    part: Annotated[
        Literal["summary", "findings", "metrics", "settings", "output", "diff"],
        Meta(description="What to show."),
    ] = "summary"
    offset: Annotated[int, Meta(ge=0, description="Pass over so many findings.")] = 0
    limit: Annotated[
        int, Meta(ge=1, le=2000, description="At most so many findings, metrics or lines.")
    ] = 10

    def do(self, call: Call) -> str:
        """That part of the run."""
        run: Record = settled(call, self.run)
        call.here.told |= {finding.id: finding for finding in run.findings}
        if self.part == "summary":
            return telling.run(call.here.store, run, self.limit)
        if self.part == "findings":
            return "\n".join(telling.findings(run.findings, self.offset, self.limit))
        if self.part == "metrics":
            return telling.metrics(run, self.limit)
        if self.part == "settings":
            return self._settings(run)
        text = self._output(call, run) if self.part == "output" else self._diff(call, run)
        return text

    def _settings(self, run: Record) -> str:
        from labhand.kit.values import flat
        from labhand.web import words

        settings = flat(run.config)
        lines = [f"{key} = {words.value_of(value)}" for key, value in settings.items()]
        return "\n".join([telling.counted(len(lines), "setting"), *lines[:500]])

    def _output(self, call: Call, run: Record) -> str:
        from labhand.web import words

        log = call.here.store.attempt(run.id, max(1, len(run.attempts))) / "output.log"
        try:
            with log.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - self.limit * 1000))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return f"{run.name} has printed nothing"
        lines = words.plain(text).splitlines()[-self.limit :]
        return "\n".join([f"the last {telling.counted(len(lines), 'line')} of {log}", *lines])

    def _diff(self, call: Call, run: Record) -> str:
        from pathlib import Path

        from labhand.core.store import project_root
        from labhand.kit.snapshot import diff_now

        diff = diff_now(project_root(Path(run.cwd)), call.here.store.home, run.code)
        lines = diff.splitlines()
        more = len(lines) - max(self.limit, 200)
        shown = lines[: max(self.limit, 200)] + ([f"… {more} more lines"] if more > 0 else [])
        return "\n".join(shown) or "the code is as it was in this run"


class Compare(Tool, kw_only=True):
    """Compare runs and judge whether their results differ by more than noise.

    Tells also what differs in settings and code. The first run is what the others are held to. Believe an improvement only where the outcome says `improved`: one run against another is most
    often noise. `confirm` runs both sides again with fresh seeds first, which takes as long as the
    runs do.
    """

    reads: ClassVar[bool] = False

    runs: Annotated[list[str], Meta(description=f"Two or more. Each: {RUN}")]
    confirm: Annotated[
        int, Meta(ge=0, le=100, description="Run each so many times again first; 0: do not.")
    ] = 0

    def do(self, call: Call) -> str:
        """The outcomes, then what differs."""
        from labhand.cycle.compare import Comparison, compare

        here = call.here
        if self.confirm:
            said = labhand(call, "compare", *self.runs, "--confirm", str(self.confirm), "--json")
            return telling.comparison(msgspec.json.decode(said, type=Comparison))
        return telling.comparison(compare(here.store, here.root, self.runs))


class Note(Tool, kw_only=True):
    """Record a decision or an observation on a run.

    For the researcher and whoever comes later: what was tried, what came of it, what was decided and
    why.
    """

    reads: ClassVar[bool] = False

    text: Annotated[str, Meta(description="A sentence or two.")]
    run: Reference = "last"

    def do(self, call: Call) -> str:
        """Where it was noted."""
        from labhand.kit import notes

        store = call.here.store
        run_id = store.find(self.run)
        notes.add(store, run_id, self.text)
        return f"noted on {store.read(run_id).name}"


class Verdict(Tool, kw_only=True):
    """Record what the researcher said of a finding of a run.

    `real`: it was right, `fine`: nothing was off, `undo` takes it back. labhand learns from it: never
    answer in the researcher's place.
    """

    reads: ClassVar[bool] = False

    finding: Annotated[str, Meta(min_length=1, description="The id in brackets, or its beginning.")]
    answer: Annotated[
        Literal["real", "fine", "undo"], Meta(description="What the researcher said.")
    ]
    run: Reference = "last"

    def do(self, call: Call) -> str:
        """What stands now."""
        from labhand.kit import verdicts

        run = settled(call, self.run)
        finding = verdicts.find(run, self.finding.strip("[] "))
        home = call.here.store.home
        standing = {(v.run, v.finding) for v in verdicts.read(home)}
        if self.answer == "undo" and (run.id, finding.id) not in standing:
            raise UsageError(f"there is no verdict on {finding.rule} of {run.name} to be undone")
        verdicts.add(home, finding, run.id, self.answer)
        return f"{finding.rule} of {run.name}: {self.answer}"


def waited(call: Call, reference: str, seconds: float, alarm: bool) -> str:
    """How a run stands or went, after it ended, a new alarm came, or the seconds were over."""
    run: Record = settled(call, reference)
    before = {finding.id for finding in _alarms(run)}
    began, told = time.monotonic(), -TELL_S
    while run.status == "running" and not call.gone.is_set():
        past = time.monotonic() - began
        new = [finding for finding in _alarms(run) if finding.id not in before]
        if past >= seconds or (alarm and new):
            break
        if past - told >= TELL_S:
            told = past
            call.tell(round(past, 1), seconds, telling.standing(call.here.store, run))
        call.gone.wait(min(POLL_S, seconds - past))
        run = settled(call, run.id)
    call.here.told |= {finding.id: finding for finding in run.findings}
    if run.status != "running":
        return telling.run(call.here.store, run, 5)
    new = [finding for finding in _alarms(run) if finding.id not in before]
    lines = [telling.standing(call.here.store, run)]
    lines += telling.findings(new or _alarms(run), 0, 5) if _alarms(run) else []
    return "\n".join([*lines, f'call wait(run="{run.name}") again, or stop it'])


def _alarms(run: Record) -> list[Finding]:
    return [f for f in run.findings if f.alarm is True and f.state == "confirmed"]


def labhand(call: Call, *arguments: str) -> str:
    """What `labhand ARGUMENTS` prints, in a process of its own; its lines on the way are told.

    Raises:
        UsageError: it says that the call is wrong.
    """
    said: list[str] = []
    # a file, for a pipe that nobody empties meanwhile would hold the process up
    with (
        tempfile.TemporaryFile() as printed,
        # -P: a module of the project must not stand in for one of ours
        subprocess.Popen(
            [sys.executable, "-P", "-m", "labhand", *arguments],
            cwd=call.here.cwd,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as process,
    ):
        assert process.stderr is not None
        for number, line in enumerate(process.stderr, 1):
            said.append(line.strip())
            call.tell(number, None, telling.cut(line))
            if call.gone.is_set():
                process.terminate()
        process.wait()
        printed.seek(0)
        text = printed.read().decode("utf-8", "replace")
    if process.returncode:
        wrong = next((s for s in reversed(said) if s.startswith("labhand: ")), "")
        raise LabhandError(wrong.removeprefix("labhand: ") or "\n".join(said[-3:]) or "it failed")
    return text


TOOLS: Sequence[type[Tool]] = (Run, Wait, Stop, Runs, Show, Compare, Note, Verdict)
