"""The tools that start runs, wait for them, hold them against each other, and record decisions."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from labhand.core.errors import LabhandError, UsageError
from labhand.core.run import Run as Record
from labhand.mcp import telling
from labhand.mcp.looking import Limit, settled
from labhand.mcp.tools import Call, Tool, words_of
from labhand.mcp.waiting import waited

RUN = "An id, a name, or `last`."
_STARTED = re.compile(
    r"(?P<name>.*?)(?: runs in the background;| waits in the queue|: [\d,]+ runs? in the queue)"
)
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

    With `sweep` or `seeds` it is many runs, in a queue, under one name. It goes on in the background whatever becomes of this conversation; minor failures of deployment
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
    sweep: Annotated[
        dict[str, str | list[str | float | bool]],
        Meta(description='Run once for each value: {"lr": [1e-3, 3e-4]}, or "1e-4..1e-1:4 log".'),
    ] = msgspec.field(default_factory=dict)
    seeds: Annotated[
        int | list[int] | None, Meta(description="Run with so many seeds, or with these.")
    ] = None
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
            options += ["--set", f"{key}={_typed(value)}"]
        for key, values in self.sweep.items():
            spread = values if isinstance(values, str) else ",".join(map(_typed, values))
            options += ["--sweep", f"{key}={spread}"]
        if self.seeds is not None:
            several = self.seeds if isinstance(self.seeds, list) else [self.seeds]
            if isinstance(self.seeds, list) and len(several) < 2:
                raise UsageError(
                    "`seeds` takes how many, or two and more of them; one seed goes into `settings`"
                )
            options += ["--seeds", ",".join(map(str, several))]
        where = ["-C", str(call.here.path(self.folder))] if self.folder else []
        said = labhand(call, "run", *where, *options, "--", *words)
        match = _STARTED.match(said)
        name = match["name"] if match else "last"
        if not self.seconds:
            return f'{said.partition(";")[0].strip()}; wait(run="{name}") tells how it gets on'
        return waited(call, name, self.seconds, alarm=True)


def _typed(value: str | float | bool) -> str:
    return value if isinstance(value, str) else repr(value)


class Wait(Tool, kw_only=True):
    """Wait for a run or a sweep until it ends, an alarm comes up, or the seconds are over; tell how it is."""

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
        from labhand.cycle.sweeping import stop_named

        store = call.here.store
        stopped = stop_named(store, self.run, self.grace)
        if stopped is not None:
            return stopped
        run = stop_run(store, store.find(self.run), self.grace)
        return f"{run.name} {run.status}"


class Runs(Tool, kw_only=True):
    """List the runs of this project, newest first, each with its result and what is off."""

    limit: Limit = 20

    def do(self, call: Call) -> str:
        """One run a line."""
        from labhand.cycle.settle import listing
        from labhand.cycle.waiting import listing as queued

        store = call.here.store
        told = telling.runs(listing(store, self.limit), len(store.ids()))
        names = [run.name for run in queued(store).runs]
        waiting = f"{telling.counted(len(names), 'run')} in the queue: {', '.join(names[:20])}"
        return f"{told}\n{waiting}" if names else told


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


class Habits(Tool, kw_only=True):
    """Recall the habits of this researcher: usual values, what is changed together, what comes next.

    Learned from the record, each with how sure it is and what speaks for it. Keep to them where the
    instruction leaves something open, and say so.
    """

    reads: ClassVar[bool] = False

    limit: Limit = 30

    def do(self, call: Call) -> str:
        """One habit a line, the researcher's own words and the surest first."""
        from labhand.learn import learn

        kept = learn(call.here.cwd).habits
        lines = [
            f"[{h.id}] {h.confidence:.0%} sure, {h.support} for and {h.against} against: "
            f"{telling.cut(h.text)}"
            for h in kept[: self.limit]
        ]
        left = len(kept) - len(lines)
        more = [f"{left} more: a larger limit"] if left > 0 else []
        return "\n".join([telling.counted(len(kept), "habit"), *lines, *more])


TOOLS: Sequence[type[Tool]] = (Run, Wait, Stop, Runs, Show, Compare, Habits, Note, Verdict)
