"""`labhand do`: interpret → implement → run → hold the results against noise, in one go."""

import contextlib
import itertools
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from labhand.core.errors import LabhandError, UsageError
from labhand.core.intent import Intent, Question
from labhand.core.patch import Patch
from labhand.core.run import Run
from labhand.core.store import Store, project_root
from labhand.cycle import proposal
from labhand.cycle.budget import used_up
from labhand.cycle.compare import compare
from labhand.cycle.judge import Judgement
from labhand.cycle.limit import timed_out
from labhand.cycle.outcome import outcome
from labhand.cycle.request import Request
from labhand.cycle.sweep import Sweep
from labhand.cycle.sweeping import Row
from labhand.interpret import Reading, answered, interpret
from labhand.interpret.values import shown
from labhand.kit import replies
from labhand.kit import settings as kit_settings
from labhand.kit.catalog import Catalog
from labhand.kit.metric_names import headlines

Ended = Literal["done", "not-accepted", "not-run", "failed", "interrupted"]
MOST_RUNS = 1000
"""More than this is surely not meant."""
FEW = 3
"""So many judgements are told one by one."""


class Done(msgspec.Struct, kw_only=True):
    """One run that was made. `value` is the last one of the metric that tells most."""

    id: str
    name: str
    status: str
    exit_code: int | None
    settings: dict[str, str]
    metric: str | None = None
    value: float | None = None


class Account(msgspec.Struct, kw_only=True):
    """What came of an instruction (`labhand.do/1`). `said` tells it in sentences.

    `baseline` are the runs that the others are held against. A patch that touches what judges results
    makes every outcome `harness-touched`: its numbers say nothing beside earlier ones.
    """

    schema: str = "labhand.do/1"
    instruction: str
    ended: Ended = "done"
    intent: Intent
    patch: Patch | None = None
    command: str = ""
    baseline: list[Done] = []
    runs: list[Done] = []
    judgements: list[Judgement] = []
    said: list[str] = []


class Carried(NamedTuple):
    """Runs that the queue has carried, how each stands, and whether the person ended them."""

    sweep: Sweep
    rows: list[Row]
    stopped: bool


class Person(Protocol):
    """Whoever is asked and told on the way."""

    def tell(self, message: str) -> None:
        """Something that happens."""

    def agrees(self, patch: Patch) -> bool:
        """Whether the patch is accepted. Blocks until answered."""

    def go_on(self, reading: Reading) -> bool:
        """Whether this is what was meant. Blocks until answered."""

    def answer(self, question: Question) -> tuple[Any, bool]:
        """The answer to a question, and whether a person gave it; else its default."""

    def carry(self, request: Request) -> Run:
        """The run of a request, carried to its end before the person's eyes."""

    def carry_many(self, request: Request, keys: list[str], grid: list[dict[str, str]]) -> Carried:
        """The runs of a sweep, carried by the queue to their end before the person's eyes."""


def do(instruction: str, start: Path, agent: str | None, person: Person, *, run: bool) -> Account:
    """The account of an instruction that was carried out. Blocks; asks `person` before code is accepted.

    Raises:
        LabhandError: it cannot be understood, or no code came of it; nothing was changed.
    """
    return _Doing(instruction, start, agent, person).carry(run)


class _Doing:
    """One instruction on its way."""

    def __init__(self, instruction: str, start: Path, agent: str | None, person: Person) -> None:
        self.instruction = instruction
        self.start = start
        self.agent = agent
        self.person = person
        self.store = Store.at(start)
        self.root = project_root(start)
        reading = proposal.understood(instruction, start, agent)
        self.account = Account(instruction=instruction, intent=reading.intent)
        self.reading = reading
        self.sweep: Sweep | None = None

    def carry(self, run: bool) -> Account:
        account = self.account
        if self.reading.intent.needs_model or self.agent:
            if not self._implemented():
                account.ended = "not-accepted"
                return account
        elif not self._meant():
            account.ended = "not-accepted"
            account.said.append("nothing was run")
            return account
        requests = self._requests()
        account.command = self.reading.line()
        if not run:
            account.ended = "not-run"
            account.said.append(f"nothing was run; {account.command}")
            return account
        if not self._ran(requests):
            return account
        self._judge()
        return account

    def _meant(self) -> bool:
        """Whether the intent, with the answers to its questions in it, is to be carried out."""
        for question in self.reading.intent.questions:
            answer = self._asked(question)
            if isinstance(answer, str) and answer.endswith(".py") and answer != question.default:
                self.reading = interpret(f"{self.instruction} in {answer}", self.start)
                break
            self.reading = self.reading._replace(
                intent=answered(self.reading.intent, question, answer)
            )
        self.account.intent = self.reading.intent
        return self.person.go_on(self.reading)

    def _asked(self, question: Question) -> Any:
        """The person's answer, noted for `labhand learn`; the default of somebody who is not there is none."""
        answer, by_person = self.person.answer(question)
        if by_person:
            with contextlib.suppress(OSError):  # what cannot be learned from does not stop the work
                replies.add(self.store.home, question, answer)
        return answer

    def _budget(self) -> str | None:
        """What the runs may take together, as `--budget` takes it."""
        told = self.reading.intent.budget or {}
        if "seconds" in told:
            return f"{told['seconds']:g}s"
        return f"{told['money']:g}$" if "money" in told else None

    def _implemented(self) -> bool:
        """Whether new code was written and accepted."""
        account = self.account
        patch = proposal.propose(self.instruction, self.start, self.agent or proposal.AGENT, self.person.tell)  # fmt: skip
        account.patch = patch
        if not self.person.agrees(patch):
            account.said.append(_waits(patch))
            return False
        account.patch = proposal.accept(patch.id, self.start)
        account.said.append(f"{patch.name} is accepted: {patch.summary or self.instruction}")
        self._read_again(account.patch)
        return True

    def _read_again(self, patch: Patch) -> None:
        """Reads the instruction against the new code: what it adds can be set now."""
        try:
            reading = interpret(self.instruction, self.start)
        except LabhandError:
            reading = self.reading
        intent = msgspec.structs.replace(reading.intent, needs_model=False, edits=[])
        self.reading = reading._replace(intent=intent, command=self.reading.command)
        self.account.intent = msgspec.structs.replace(intent, edits=self.account.intent.edits)

    # ── runs ─────────────────────────────────────────────────────────────────────────────────────

    def _requests(self) -> list[Request]:
        """One request for each run: the grid of what is swept, with each of the seeds.

        Raises:
            UsageError: no command is known, the script has no seed, or it would be too many.
            LabhandError: a setting does not exist, or a value does not fit.
        """
        reading, intent = self.reading, self.reading.intent
        if not reading.command:
            raise UsageError("no script that trains was found here; name it in the instruction, as in `… in train.py`")  # fmt: skip
        if intent.runs > MOST_RUNS:
            raise UsageError(f"this would be {intent.runs:,} runs; at most {MOST_RUNS:,} are made at once: try fewer values")  # fmt: skip
        fixed = {c.key: shown(c.value) for c in intent.settings}
        if self.account.patch is not None:
            fixed = self.account.patch.tried | fixed
        axes = [[(key, shown(v)) for v in values] for key, values in intent.sweep.items()]
        seeds = self._seeds()
        made = [
            Request(command=reading.command, cwd=reading.cwd, settings=fixed | dict(point) | seed)
            for seed in seeds
            for point in itertools.product(*axes)
        ]
        for request in made[:1]:
            kit_settings.apply(request.settings, request.command, request.cwd, self.root)
        return made

    def _seeds(self) -> list[dict[str, str]]:
        seeds = self.reading.intent.seeds
        if seeds is None or self.reading.script is None:
            return [{}]
        setting = kit_settings.seed_setting(kit_settings.discover(self.reading.script, self.root))
        if setting is None:
            raise UsageError(f"{self.reading.script.name} has no setting for its seed, so several seeds cannot be run; add one, such as --seed")  # fmt: skip
        first = setting.default if isinstance(setting.default, int) else 0
        values = seeds if isinstance(seeds, list) else list(range(first, first + seeds))
        return [{setting.name: str(value)} for value in values]

    def _ran(self, requests: list[Request]) -> bool:
        """Whether all runs were carried to their end, those they are held against among them."""
        todo = self._baselines(requests)
        before = None if todo else self._before(requests[0])
        self.account.baseline = [_done(self.store.read(before), {})] if before else []
        into = [*(self.account.baseline for _ in todo), *(self.account.runs for _ in requests)]
        every = [*todo, *requests]
        if len(every) == 1:
            request = msgspec.structs.replace(every[0], limit=self._budget())
            run = self.person.carry(request)
            into[0].append(_done(run, request.settings))
            return not self._interrupted(run.exit_code == 130, run)
        keys = list(dict.fromkeys(k for request in every for k in request.settings))
        shared = {k: v for k, v in requests[0].settings.items() if all(r.settings.get(k) == v for r in every)}  # fmt: skip
        grid = [{k: v for k, v in r.settings.items() if k not in shared} for r in every]
        request = msgspec.structs.replace(requests[0], settings=shared, budget=self._budget())
        carried = self.person.carry_many(request, [k for k in keys if k not in shared], grid)
        self.sweep = carried.sweep
        for row, place, asked in zip(carried.rows, into, every, strict=True):
            if row.run is None:
                place.append(Done(id="", name=row.name, status=row.status, exit_code=None, settings=asked.settings))  # fmt: skip
            else:
                place.append(_done(self.store.read(row.run), asked.settings))
        if used_up(self.store, carried.sweep):
            self.account.said.append(f"the budget of {request.budget} is used up; what had not ended by then was stopped")  # fmt: skip
            return True
        return not self._interrupted(carried.stopped, None)

    def _interrupted(self, stopped: bool, run: Run | None) -> bool:
        if run is not None and run.status == "stopped":
            stopped = stopped or not timed_out(run)
            if timed_out(run):
                self.account.said.append(f"the budget of {self._budget()} is used up, and {run.name} was stopped at it")  # fmt: skip
        if stopped:
            self.account.ended = "interrupted"
            self.account.said.append("interrupted; `labhand runs` has what was made")
        return stopped

    def _before(self, request: Request) -> str | None:
        """The last finished run of the same script, which the new ones are held against."""
        rows = Catalog(self.store).like(request.command, None, 20)
        return next((row.id for row in rows if row.status == "finished"), None)

    def _baselines(self, requests: list[Request]) -> list[Request]:
        """With new code that can be left off: the same runs without it, once a seed, to be held to."""
        patch = self.account.patch
        if patch is None:
            return []
        new = set(patch.settings)
        old = [
            msgspec.structs.replace(
                r, settings={k: v for k, v in r.settings.items() if k not in new and k not in self.reading.intent.sweep}
            )
            for r in requests
        ]  # fmt: skip
        if not new or any(r.settings in [q.settings for q in requests] for r in old):
            return []
        return [r for n, r in enumerate(old) if r.settings not in [q.settings for q in old[:n]]]

    # ── results ──────────────────────────────────────────────────────────────────────────────────

    def _judge(self) -> None:
        account = self.account
        failed = [
            run for run in account.runs if run.status not in ("finished", "withdrawn", "stopped")
        ]
        if failed:
            account.ended = "failed"
            names = ", ".join(run.name for run in failed)
            account.said.append(f"{names} failed; `labhand show {failed[0].name}` tells why")
        ids = [run.id for run in [*account.baseline, *account.runs] if run.id]
        if len(ids) > 1:
            found = compare(self.store, self.root, ids)
            account.judgements = found.judgements
            if account.patch is not None and account.patch.harness_touched:
                for judgement in account.judgements:
                    judgement.outcome = "harness-touched"
                    judgement.said = f"the patch touches {_touched(account.patch)}, so the results cannot be held against earlier ones: {judgement.said}"  # fmt: skip
            if len(found.judgements) <= FEW:
                account.said += [judgement.said for judgement in account.judgements]
            if self.sweep is not None and len(found.judgements) > 1:
                account.said += outcome(self.store, self.sweep).said
        elif account.runs:
            run = account.runs[0]
            value = f": `{run.metric}` {run.value:.4g}" if run.value is not None else ""
            account.said.append(f"{run.name} {run.status}{value}; there is no earlier run to hold it against")  # fmt: skip


def _touched(patch: Patch) -> str:
    return " and ".join(dict.fromkeys(touch.what for touch in patch.touches))


def _waits(patch: Patch) -> str:
    why = ""
    if not patch.proven:
        failed = next(rung for rung in patch.proof if rung.status == "failed")
        why = f" (its proof failed at {failed.name})"
    elif patch.harness_touched:
        why = f" (it touches {_touched(patch)})"
    return f"{patch.name} is proposed and not accepted{why}; look at it, then `labhand accept {patch.name}` and `{patch.command}`"  # fmt: skip


def _done(run: Run, settings: dict[str, str]) -> Done:
    name = next(iter(headlines(run.metrics)), None)
    return Done(
        id=run.id,
        name=run.name,
        status=run.status,
        exit_code=run.exit_code,
        settings=settings,
        metric=name,
        value=run.metrics[name].last if name else None,
    )
