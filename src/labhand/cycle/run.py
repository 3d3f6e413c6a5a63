"""`labhand run`: check → launch → watch → report around one command."""

import os
import shutil
import signal
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from labhand.core import event
from labhand.core.errors import InputError, LabhandError, RecordError, UsageError
from labhand.core.run import Attempt, Failure, Fix, Run
from labhand.core.store import Store, check_name, project_root
from labhand.cycle import budget, limit, settle, taken_up
from labhand.cycle.alarm import Alarmed
from labhand.cycle.before import before
from labhand.cycle.pledge import Pledge
from labhand.cycle.proven import joined
from labhand.cycle.recorder import Recorder
from labhand.cycle.request import Face, Request
from labhand.cycle.siblings import Siblings
from labhand.cycle.suggested import way_on
from labhand.kit import configuration, presence, settings, snapshot
from labhand.kit.configuration import Configuration
from labhand.kit.scrub import scrub_arguments, scrub_tree
from labhand.launch import (
    End,
    Evidence,
    Job,
    Mending,
    Process,
    Situation,
    diagnose,
    probed,
    start,
)
from labhand.launch.probed import write_overlay
from labhand.watch.roles import Roles

SUSPEND = b"\x1a"
"""Ctrl-Z. The training leads a session of its own, in which no shell could take it up again."""
CHECK_BUDGET_S = 1.0
"""How long a run waits for check at most; what is found later is still told."""
ALIKE = 2
"""So many findings of one rule are told before a run; the rest are counted."""


def run(request: Request, face: Face, prepared: "Prepared | None" = None) -> Run:
    """The run of one command, carried to its end. Blocks, writes the record as it goes.

    Raises:
        LabhandError: the call is wrong (no such command, unknown setting); nothing is left behind.
    """
    return _Carrier(prepared or prepare(request), face).carry()


class Prepared(msgspec.Struct):
    """A run that has an id and a name and waits to be carried."""

    request: Request
    root: Path
    store: Store
    configuration: Configuration
    applied: settings.Applied
    run: Run
    limit_s: float | None = None
    refused: set[str] = set()
    """Why the record could not be written, where the person was told so: once is enough."""


def prepare(request: Request) -> Prepared:
    """A run folder for the request, after all that can be wrong with the call was looked at.

    Raises:
        LabhandError: the call is wrong; nothing was made.
    """
    if not request.command:
        raise UsageError("there is no command to run; give one: `labhand run -- python train.py`")
    again = request.laid_out
    root = again.project if again else project_root(request.cwd)
    store = Store.at(root if again else request.cwd)
    chosen = configuration.read(root)
    Roles(chosen.roles)  # raises for a role that does not exist
    applied = settings.apply(
        request.settings, request.command, request.cwd, again.place if again else root
    )
    if request.name is not None:
        check_name(request.name)
    limit_s = limit.seconds(request.limit, chosen.price) if request.limit else None
    run_id, name = store.create(request.name)
    made = Run(
        id=run_id,
        name=name,
        command=scrub_arguments(list(applied.command)),
        cwd=str(request.cwd),
        started=event.now(),
        parents=request.parents,
        config=dict(applied.resolved),
    )
    return Prepared(request, root, store, chosen, applied, made, limit_s)


class _Carrier:
    """Carries one prepared run to its end."""

    def __init__(self, prepared: Prepared, face: Face) -> None:
        self.request = prepared.request
        self.root = prepared.root
        self.store = prepared.store
        self.configuration = prepared.configuration
        self.applied = prepared.applied
        self.run = prepared.run
        self.folder = self.store.folder(self.run.id)
        self.face = Alarmed(
            face,
            self.configuration,
            self.request.on_alarm or self.configuration.on_alarm,
            prepared.limit_s,
            self.folder,
            self.request.cwd,
            Siblings.of(self.request, self.configuration, self.store, self.run.id),
            budget.Purse.of(self.request, self.store),
        )
        self.allowed = self.request.fix or self.configuration.fix
        self.interrupted = self.told_to_end = self.mistaken = False
        self.pledge: Pledge | None = None
        self.refused = prepared.refused
        self.background: list[threading.Thread] = []

    def carry(self) -> Run:
        began = time.monotonic()
        try:
            presence.note(self.folder)
            job: Job | None = self._job_again() if self.run.attempts else self._begin()
            while job is not None:
                job = self._attempt(job)
        except (LabhandError, OSError) as error:
            if not self.run.attempts:
                shutil.rmtree(self.folder, ignore_errors=True)
            if isinstance(error, LabhandError):
                raise
            raise InputError(
                f"the record cannot be written in {self.folder}: {error.strerror}; make room or set "
                "LABHAND_HOME to a folder that has some"
            ) from error
        for thread in self.background:
            thread.join(timeout=10)
        last = self._last()
        self.run.exit_code = last.exit_code
        self.run.wall_s = round(time.monotonic() - began, 3)
        self.run.ended = event.now()
        self.run.status = settle.status(self.folder, last, interrupted=self.interrupted)
        self._guarded(lambda: settle.finish(self.store, self.run))
        return self.run

    def _begin(self) -> Job:
        self._keep_code()
        self.store.write(self.run)
        self._check()
        return self._first_job(1)

    def _job_again(self) -> Job:
        """The job that goes on with a run that was cut off."""
        taken_up.reopen(self.store, self.run)
        first, last = self._first_job(len(self.run.attempts)), self.run.attempts[-1]
        places = str(self.root), str(self.store.home)
        job = taken_up.next_job(self.run, first, last, *places, self.allowed)
        assert last.failure is not None
        self.face.failed(last.failure, last.fix)
        return job

    def _last(self) -> Attempt:
        """The last attempt that stands: one that changed the science unasked does not."""
        taken_back = self.pledge is not None and self.pledge.taken_back
        return self.run.attempts[-2 if taken_back else -1]

    def _guarded(self, write: Callable[[], None]) -> None:
        """Writes to the record; a full disk is told once and hurts nothing else."""
        try:
            write()
        except (OSError, RecordError) as error:
            why = getattr(error, "strerror", None) or str(error)
            if why not in self.refused:
                self.refused.add(why)
                self.face.tell(f"the record cannot be written: {why}; it stays incomplete")

    def _keep_code(self) -> None:
        again = self.request.laid_out
        if again is not None:
            self.run.code = again.code
            snapshot.keep_again(self.root, self.run.id, again.code)
        else:
            self.run.code = snapshot.keep(self.root, self.run.id, self.store.home).code
        self._in_background(self._keep_environment)

    def _keep_environment(self, python: str | None = None) -> None:
        from labhand.kit.interpreter import interpreter
        from labhand.kit.machine import environment

        python = python or interpreter(self.applied.command, self.request.cwd, os.environ)
        self.run.environment = environment(python, os.environ, self.store.home)

    def _in_background(self, work: Callable[[], None]) -> threading.Thread:
        def guarded() -> None:
            try:
                work()
            except Exception as error:  # what is only extra must never stop a run
                self.face.tell(f"{work.__name__.strip('_').replace('_', ' ')} failed: {error}")

        thread = threading.Thread(target=guarded, daemon=True)
        thread.start()
        self.background.append(thread)
        return thread

    def _check(self) -> None:
        if not self.request.check or self.configuration.check == "off":
            return
        self._in_background(self._check_code).join(timeout=CHECK_BUDGET_S)
        grave = [f for f in self.run.findings if f.severity == "error"]
        if self.configuration.check == "stop" and grave:
            raise UsageError(
                f"check found {len(grave)} error(s), the first: {grave[0].message}; mend them, or "
                "run with --no-check"
            )

    def _check_code(self) -> None:
        from labhand.check import check

        root = self.request.laid_out.place if self.request.laid_out else self.root
        try:
            script, _ = settings.script_of(list(self.applied.command), self.request.cwd, root)
        except LabhandError:
            return  # not a Python script: nothing to check
        found = check(
            [script],
            root=root,
            home=self.store.home,
            select=self.configuration.select,
            ignore=self.configuration.ignore,
            per_file=self.configuration.per_file_ignores,
        )
        told: Counter[str] = Counter()
        for finding in found.findings:
            self.run.findings.append(finding)
            told[finding.rule] += 1
            if told[finding.rule] <= ALIKE:
                self.face.finding(finding)
        for rule, number in told.items():
            if number > ALIKE:
                self.face.tell(f"{number - ALIKE} more of {rule}; `labhand check` shows them all")

    def _first_job(self, attempt: int) -> Job:
        folder = self.store.attempt(self.run.id, attempt)
        return Job(
            command=list(self.applied.command),
            cwd=str(self.request.cwd),
            env=dict(os.environ),
            attempt_dir=str(folder),
            terminal=self.face.terminal(),
            overlay={str(path): text for path, text in self.applied.overlay.items()},
        )

    def _attempt(self, job: Job) -> Job | None:
        """Carries one attempt; the job of the next one where a fix leads to it."""
        number = len(self.run.attempts) + 1
        folder = self.store.new_attempt(self.run.id, number)
        overlay = write_overlay(folder, job.overlay) if job.overlay else None
        environment = probed(job.env, str(folder), overlay)
        job = msgspec.structs.replace(job, attempt_dir=str(folder), env=environment)
        attempt = Attempt(number=number, command=scrub_arguments(job.command), started=event.now())
        recorder = Recorder(
            self.store,
            (self.run.id, self.run.name),
            number,
            self.face,
            cwd=Path(job.cwd),
            environment=os.environ,
            command=job.command,
            roles=self.configuration.roles,
            refused=self.refused,
            known=before(
                self.store, self.run.command, self.run.id, self.configuration.alarms_per_1000
            ),
            config=self.run.config,
            beside=self.request.sweep is not None,
        )
        # The attempt is on disk before it starts, so that its end is found whatever becomes of us.
        self.run.attempts.append(attempt)
        self._guarded(lambda: self.store.write(self.run))
        try:
            process = start(job, self.request.launcher, self.store.home)
        except LabhandError:
            self.run.attempts.pop()
            raise
        self.face.carries(process)
        recorder.sample(process.pid)
        given = scrub_tree(self.request.settings)
        recorder.write("attempt-started", number=number, command=attempt.command, settings=given)
        if number == 1:
            self.face.started(self.run)
        with self._signals_to(process):
            end = self._supervise(process, recorder)
        return self._ended(attempt, job, end, recorder)

    def _supervise(self, process: Process, recorder: Recorder) -> End:
        from select import select

        typed = self.face.input()
        while (end := process.end()) is None:
            sources = [*process.fileno(), *([typed] if typed is not None else [])]
            ready, _, _ = select(sources, [], [], recorder.wait_s())
            if typed is not None and typed in ready:
                typed = self._pass_on(typed, process)
            for output in process.read(0):
                self._safely(recorder.output, output.stream, output.data)
            self._safely(recorder.turn)
            self._safely(self.face.turn)
            if self.pledge is not None:
                self._safely(self.pledge.watch, recorder.config, process)
        process.close()
        return end

    def _safely(self, work: Callable[..., None], *arguments: Any) -> None:
        """Does what is only extra: a mistake of ours is noted and told once, the run goes on."""
        try:
            work(*arguments)
        except Exception:
            log = self.folder / "labhand.log"
            if not self.mistaken:
                self.mistaken = True
                with suppress(OSError):
                    log.write_text(traceback.format_exc(), encoding="utf-8")
                self.face.tell(f"a mistake of labhand's own, the run goes on; it is noted in {log}")

    def _had_enough(self) -> bool:
        """Whether the person typed Ctrl-C, in a terminal that is raw and makes no signal of it."""
        from select import select

        typed = self.face.input()
        if typed is None or not select([typed], [], [], 0)[0]:
            return False
        return b"\x03" in os.read(typed, 4096)

    def _pass_on(self, typed: int, process: Process) -> int | None:
        """Hands typed input on; None once there is no more."""
        try:
            data = os.read(typed, 65536)
        except OSError:
            return None
        ended = not data
        data = self.face.answer(data)
        if data == SUSPEND and process.takes_signals():
            process.signal(signal.SIGSTOP)
            self.face.pause()
            process.signal(signal.SIGCONT)
        elif data:
            process.write(data)
        return None if ended else typed

    def _ended(self, attempt: Attempt, job: Job, end: End, recorder: Recorder) -> Job | None:
        stopped = settle.stop_asked(self.folder)
        self.interrupted = self.interrupted or end.signal == signal.SIGINT or end.exit_code == 130
        asked = stopped or self.interrupted
        self._safely(recorder.end, end.exit_code, end.signal, asked, self._had_enough)
        attempt.exit_code, attempt.signal, attempt.wall_s = end.exit_code, end.signal, end.wall_s
        resources = self.run.resources
        resources.cpu_s = (resources.cpu_s or 0.0) + (end.cpu_s or 0.0)
        resources.max_rss_bytes = max(resources.max_rss_bytes or 0, end.max_rss_bytes or 0)
        self.run.config |= recorder.config
        if recorder.python and not self.run.environment.python:
            self._safely(self._keep_environment, recorder.python)
        self.run.findings = joined(self.run.findings, recorder.findings())
        next_job = None
        if self.pledge is not None and not asked:
            self._safely(self.pledge.watch, recorder.config, None)
            if self.pledge.broken is not None:
                next_job = self.pledge.settle(self.face, self._agrees, end.exit_code == 0)
                self._guarded(lambda: self.store.write(self.run))
                return next_job
        self.pledge = None
        if stopped:
            attempt.failure = self.face.why_stopped(self.request.limit)
        elif self.told_to_end:
            attempt.failure = taken_up.told_to_end()
        elif end.exit_code != 0 and not self.interrupted:
            next_job = self._mend(attempt, job, end, recorder)
        if end.exit_code != 0:  # else all of the run is written in a moment
            self._guarded(lambda: self.store.write(self.run))
        return next_job

    def _mend(self, attempt: Attempt, job: Job, end: End, recorder: Recorder) -> Job | None:
        failure = diagnose(
            Evidence(
                exit_code=end.exit_code,
                signal=end.signal,
                exception=recorder.exception,
                tail=recorder.tail.decode("utf-8", "replace"),
                command=job.command,
                cwd=job.cwd,
                env=job.env,
                oom_kills=end.oom_kills,
                stood_still=recorder.stood_still(),
            ),
            self.store.home,
        )
        attempt.failure = failure
        mending = self._mending(failure, job) if failure else None
        if failure:
            self.face.failed(failure, mending.fix if mending else None)
        if mending is None:
            return None
        try:
            next_job = mending.apply()
        except LabhandError as error:
            self.face.tell(str(error))
            return None
        attempt.fix = mending.fix
        if mending.fix.safety == "neutral":
            self.pledge = Pledge(
                self.folder, self.root, attempt, mending, next_job, recorder.config
            )
        if not self._waited(mending.wait_s):
            return None
        for finding in self.run.findings:
            if finding.rule == "crashed" and finding.where.attempt == attempt.number:
                finding.state, finding.severity, finding.alarm = "recovered", "note", False
        return next_job

    def _mending(self, failure: Failure, job: Job) -> Mending | None:
        situation = Situation(
            job=job,
            attempts=self.run.attempts,
            root=str(self.root),
            home=str(self.store.home),
            allowed=self.allowed,
            resume_flag=self.request.resume_flag or self.configuration.resume_flag,
            alone=self.request.sweep is None,
        )
        mending = way_on(failure, situation)
        if mending is None or self._consented(mending):
            return mending
        fix = mending.fix
        failure.evidence["proposed"] = msgspec.to_builtins(fix)
        failure.evidence["advice"] = (
            f"proposed, not done ({fix.safety}): {fix.summary}; `--fix all` does it"
        )
        return None

    def _waited(self, wait_s: float) -> bool:
        """Whether the time before the next attempt went by without an interruption."""
        try:
            time.sleep(wait_s)
        except KeyboardInterrupt:
            self.interrupted = True
        return not self.interrupted

    def _agrees(self, fix: Fix, question: str) -> bool:
        return self.allowed == "all" or self.face.allows(fix, question)

    def _consented(self, mending: Mending) -> bool:
        if self.allowed == "all":
            return True
        if self.allowed == "ask" or mending.question or mending.fix.safety == "scientific":
            return self.face.allows(mending.fix, mending.question)
        return True

    @contextmanager
    def _signals_to(self, process: Process) -> Iterator[None]:
        """What is sent to labhand reaches the whole process group of the training."""

        def forward(number: int, frame: Any) -> None:
            self.interrupted = self.interrupted or number == signal.SIGINT
            self.told_to_end = self.told_to_end or number != signal.SIGINT
            process.signal(number)

        def resize(number: int, frame: Any) -> None:
            if size := self.face.terminal():
                process.resize(*size)

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        ours = {n: forward for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        before = {n: signal.signal(n, handler) for n, handler in ours.items()}
        before[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, resize)
        resize(signal.SIGWINCH, None)  # the window may have changed since the process was started
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
