"""The proof of a patch: a ladder that gets dearer rung by rung, climbed before a person looks.

parses → check finds nothing new → imports → one step → the old losses bit for bit with what is new
left off → the project's tests → a short run. All of it runs in copies, confined as the agent is.
"""

import ast
import shutil
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from labhand.check import check
from labhand.core.errors import LabhandError
from labhand.core.finding import Finding
from labhand.core.intent import Choice
from labhand.core.patch import Rung, RungName
from labhand.cycle import trial
from labhand.cycle.options import other_value, pythons, said_value
from labhand.cycle.trial import Trial
from labhand.implement import Worktree, changed_files
from labhand.interpret import Reading, interpret
from labhand.interpret.values import shown
from labhand.kit import settings as kit_settings
from labhand.kit.configuration import Configuration
from labhand.kit.metric_names import headlines
from labhand.kit.sandbox import Sandbox
from labhand.kit.settings import Setting

LOSSES = 30
"""Values of a metric that are held against each other."""
SHORT_RUN = 200
"""Values of a metric after which the short run has shown enough."""
LONGEST_S = 60.0
"""Of one start of the script."""

_UNSTEADY = frozenset(("probe/memory_bytes",))

Told = tuple[str, str]
"""A status and a sentence."""


class Proof:
    """The ladder for one worktree. What the code did before the change is looked at once."""

    def __init__(
        self, tree: Worktree, reading: Reading, root: Path, start: Path,
        configuration: Configuration, tell: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.tree = tree
        self.reading = reading
        self.root = root
        self.inner = start.relative_to(root) if start.is_relative_to(root) else Path()
        self.configuration = configuration
        self.tell = tell
        self.notes: list[str] = []
        self._place = Path(tempfile.mkdtemp(prefix="labhand-proof-"))
        self._left_s = configuration.proof_seconds
        self._pythons = list(pythons(root))
        self._copies = 0
        self._old: list[Trial] = []
        self._on: dict[str, str] = {}
        self._with: Trial | None = None
        self.before = self._copy(before=True)
        self.after = self.before

    def clear(self) -> None:
        """Takes the copies away."""
        shutil.rmtree(self._place, ignore_errors=True)

    def climb(self, diff: str) -> list[Rung]:
        """The rungs up to the first that fails, all of them where none does. Blocks."""
        self.notes = []
        self._with, self._on = None, {}
        self._left_s = max(self._left_s, self.configuration.proof_seconds / 3)
        self.after = self._copy()
        paths = [file.path for file in changed_files(diff)]
        climbed: list[Rung] = []
        for name, look in self._ladder(paths):
            began = time.monotonic()
            try:
                status, said = look()
            except LabhandError as error:
                status, said = "skipped", str(error)
            took = time.monotonic() - began
            self._left_s -= took
            climbed.append(Rung(name=name, status=status, said=said, seconds=round(took, 2)))  # type: ignore[arg-type]  # fmt: skip
            self.tell(f"{name}: {said}" if status != "passed" else f"{name} ✓ {said}")
            if status == "failed":
                break
        return climbed

    def _ladder(self, paths: list[str]) -> Iterator[tuple[RungName, Callable[[], Told]]]:
        code = [path for path in paths if path.endswith(".py") and (self.after / path).is_file()]
        yield "parses", lambda: self._parses(paths)
        yield "check", lambda: self._check(code)
        yield "imports", lambda: self._imports(code)
        yield "one-step", self._one_step
        yield "unchanged", self._unchanged
        yield "tests", self._tests
        yield "short-run", self._short_run

    # ── without running the training ─────────────────────────────────────────────────────────────

    def _parses(self, paths: list[str]) -> Told:
        count = 0
        for path in paths:
            place = self.after / path
            if not place.is_file():
                continue
            try:
                data = place.read_bytes()
                if path.endswith(".py"):
                    ast.parse(data, path)
                elif path.endswith(".json"):
                    msgspec.json.decode(data)
                elif path.endswith(".toml"):
                    tomllib.loads(data.decode("utf-8"))
            except SyntaxError as error:
                return "failed", f"{path}:{error.lineno}: {error.msg}: {(error.text or '').strip()}"
            except ValueError as error:
                return "failed", f"{path}: {error}"
            count += 1
        return "passed", f"{count} changed file{'s' * (count != 1)}"

    def _check(self, code: list[str]) -> Told:
        if not code:
            return "skipped", "no Python file was changed"
        now = self._findings(self.after, code)
        old = self._findings(self.before, [p for p in code if (self.before / p).is_file()])
        known = {(f.rule, f.where.path): 0 for f in old}
        for f in old:
            known[f.rule, f.where.path] += 1
        new = []
        for f in now:
            left = known.get((f.rule, f.where.path), 0)
            known[f.rule, f.where.path] = left - 1
            if left <= 0 and f.severity != "note":
                new.append(f)
        if new:
            told = "; ".join(
                f"{f.where.path}:{f.where.line} {f.rule}: {f.message}" for f in new[:3]
            )
            return "failed", f"check finds what was not there before: {told}"
        return "passed", f"nothing new, {len(now)} finding{'s' * (len(now) != 1)} as before" if now else "nothing"  # fmt: skip

    def _findings(self, folder: Path, code: list[str]) -> list[Finding]:
        chosen = self.configuration
        paths = [folder / path for path in code]
        if not paths:
            return []
        return check(
            paths, root=folder, select=chosen.select, ignore=chosen.ignore,
            per_file=chosen.per_file_ignores,
        ).findings  # fmt: skip

    def _imports(self, code: list[str]) -> Told:
        modules = [p for p in code if _only_defines(self.after / p) and not _is_test(p)]
        if not modules:
            return (
                "skipped",
                "what was changed does its work when it is imported; the next rung runs it",
            )
        if self._script(self.after) is not None:
            self._base()  # tells which Python the project runs in
        lines = ["import importlib.util, sys, pathlib", f"sys.path[:0] = {self._search()!r}"]
        for number, path in enumerate(modules):
            name = _module_name(path)
            lines.append(f"n = {name!r}")
            lines.append(
                f"importlib.import_module(n) if {number >= 0} and importlib.util.find_spec(n.split('.')[0]) else "
                f"importlib.util.spec_from_file_location(n, {str(self.after / path)!r}).loader.exec_module("
                f"importlib.util.module_from_spec(importlib.util.spec_from_file_location(n, {str(self.after / path)!r})))"
            )
        said = self._box(self.after).run(
            [self._pythons[0], "-c", "\n".join(lines)], self.after / self.inner, self._cap()
        )
        if said.exit_code == 124:
            return "skipped", f"importing takes longer than {self._cap():.0f} s"
        if said.exit_code:
            words = (said.stderr.strip() or said.stdout.strip()).splitlines()
            if self._missing_before(words[-1] if words else ""):
                return (
                    "skipped",
                    f"the code cannot be imported here, before the change either: {words[-1]}",
                )
            return (
                "failed",
                f"importing {', '.join(modules)} fails: {words[-1] if words else said.exit_code}",
            )
        return "passed", ", ".join(modules)

    def _missing_before(self, words: str) -> bool:
        """Whether the old code could not be run for the same reason."""
        return bool(words) and any(
            old.fails and old.last_words() == words[:300] for old in self._base()
        )

    def _search(self) -> list[str]:
        script = self._script(self.after)
        near = [str(script.parent)] if script else []
        return [*near, str(self.after / self.inner), str(self.after)]

    # ── by running it ────────────────────────────────────────────────────────────────────────────

    def _one_step(self) -> Told:
        if self._script(self.after) is None:
            return "skipped", "there is no script that starts a training"
        base = self._base()[0]
        if base.fails:
            return "skipped", f"the code does not run here, before the change either: {base.last_words()}"  # fmt: skip
        self._on = self._turned_on()
        with_ = self._with = self._start(self.after, self._on, SHORT_RUN)
        on = _told(self._on)
        if with_.fails:
            return "failed", f"the script{on} ends with {with_.exit_code}:\n{with_.traceback()}"
        if not with_.rows:
            if with_.exit_code is None and base.rows:
                return "failed", f"no metric came within {with_.seconds:.0f} s{on}; before the change one did"  # fmt: skip
            return ("passed", f"it runs to its end{on}; it tells no metric") if with_.exit_code == 0 else ("skipped", f"no metric came within {with_.seconds:.0f} s")  # fmt: skip
        return "passed", f"the first step{on}: {_firsts(with_)}"

    def _unchanged(self) -> Told:
        if self._script(self.after) is None:
            return "skipped", "there is no script that starts a training"
        base, again = self._base()
        if base.fails:
            return "skipped", "the code does not run here, before the change either"
        now = self._with if not self._on and self._with else self._start(self.after, {}, LOSSES)
        new = list(self.new_settings())
        off = f" with {', '.join(new)} left off" if new else ""
        if now.fails:
            return "failed", f"the script{off} ends with {now.exit_code}:\n{now.traceback()}"
        steady = [n for n in base.rows if n not in _UNSTEADY and _differ(base, again, n) is None]
        if not steady:
            why = "it tells no metric" if not base.rows else "two runs of it give different losses: no seed is fixed"  # fmt: skip
            return "skipped", f"the code as it was cannot be held against: {why}"
        gone = [n for n in steady if n not in now.rows]
        differs = [(n, d) for n in steady if n in now.rows and (d := _differ(base, now, n))]
        if not differs and not gone:
            count = max(min(len(base.rows[n]), len(now.rows[n])) for n in steady)
            return "passed", f"{count} values of {_short(steady)} are the same bit for bit{off}"
        first = differs[0] if differs else None
        told = f"`{first[0]}` at step {first[1][0]} was {first[1][1]:.9g}, now {first[1][2]:.9g}" if first else f"`{gone[0]}` is no longer told"  # fmt: skip
        if new:
            return "failed", f"the old behaviour is not kept{off}: {told}"
        self.notes.append(
            f"it changes what the script does as it is, and no option turns it off: {told}"
        )
        return "skipped", f"the change has no option that turns it off: {told}"

    def _tests(self) -> Told:
        if not _has_tests(self.before):
            return "skipped", "the project has no tests"
        now, words = self._tested(self.after)
        if now == 0:
            return "passed", words
        if now in (124, 5, -1):
            return "skipped", words
        failed = _failed_tests(words)
        old, old_words = self._tested(self.before)
        new = failed - _failed_tests(old_words) if old else failed
        if old and not new:
            return "skipped", f"{len(failed) or 'some'} tests fail, before the change as well"
        return (
            "failed",
            f"tests fail that passed before: {', '.join(sorted(new)[:5])}\n{words[-1500:]}",
        )

    def _tested(self, folder: Path) -> tuple[int, str]:
        copy = self._copy_of(folder)
        box = self._box(copy)
        command = [self._pythons[0], "-m", "pytest", "-q", "--no-header", "-rfE", "-p", "no:cacheprovider"]  # fmt: skip
        limit_s = min(2 * LONGEST_S, max(self._left_s, 5.0))
        said = box.run(command, copy, limit_s)
        if "No module named pytest" in said.stderr:
            return -1, "pytest is not installed there"
        if said.exit_code == 124:
            return 124, f"the tests take longer than {limit_s:.0f} s"
        if said.exit_code == 5:
            return 5, "the project has no tests that pytest finds"
        words = said.stdout.strip()
        return said.exit_code, words.splitlines()[-1] if said.exit_code == 0 and words else words

    def _short_run(self) -> Told:
        run = self._with
        if run is None:
            return "skipped", "nothing was run"
        on = _told(self._on)
        if (bad := run.not_finite()) and not self._base()[0].not_finite():
            return "failed", f"`{bad}` is not finite after {run.steps} values{on}"
        if not run.rows:
            return "skipped", "it tells no metric"
        end = "to its end" if run.exit_code == 0 else f"{run.seconds:.0f} s"
        same = self._on and all(_differ(self._base()[0], run, n) is None for n in run.rows if n in self._base()[0].rows)  # fmt: skip
        effect = (
            "; the losses are those of before, so it did not change the training" if same else ""
        )
        return "passed", f"{end}{on}: {run.headline()}{effect}"

    # ── the means ────────────────────────────────────────────────────────────────────────────────

    def new_settings(self) -> dict[str, object]:
        """The settings that the code has and had not, with their defaults."""
        old = {s.name for s in self._settings(self.before)}
        return {
            s.name: s.default
            if isinstance(s.default, (int, float, str, bool, type(None)))
            else str(s.default)
            for s in self._settings(self.after)
            if s.name not in old
        }

    def tried(self) -> dict[str, str]:
        """The values that the new settings were tried with."""
        return dict(self._on)

    def command_line(self) -> str:
        """The shell command that runs what was asked for, once the patch is accepted."""
        told = self._understood(self.after)
        said = {c.key.rpartition(".")[2] for c in told.intent.settings} | set(told.intent.sweep)
        more = [
            Choice(
                key=k, value=v, origin="default", confidence=0.5, why="the proof tried it with this"
            )
            for k, v in self._on.items()
            if k not in said
        ]
        intent = msgspec.structs.replace(told.intent, settings=[*told.intent.settings, *more])
        return told._replace(intent=intent).line()

    def _understood(self, folder: Path) -> Reading:
        """The instruction as read against the changed code, where it no longer needs any."""
        try:
            told = interpret(self.reading.intent.instruction, folder / self.inner)
        except LabhandError:
            told = self.reading
        intent = msgspec.structs.replace(told.intent, needs_model=False)
        known = {s.name for s in self._settings(folder)} | {c.key for c in intent.settings}
        chosen = [c for c in intent.settings if c.key in known]
        return told._replace(
            intent=msgspec.structs.replace(intent, settings=chosen), command=self.reading.command
        )

    def _turned_on(self) -> dict[str, str]:
        """What turns the new settings on: what the instruction says, else another than the default."""
        new = {s.name: s for s in self._settings(self.after)}
        for name in {s.name for s in self._settings(self.before)}:
            new.pop(name, None)
        told = self._understood(self.after).intent
        on = {c.key: shown(c.value) for c in told.settings if c.key.rpartition(".")[2] in new or c.key in new}  # fmt: skip
        on |= {k: shown(v[0]) for k, v in told.sweep.items() if k in new and v}
        for name, setting in new.items():
            other = said_value(self.reading.intent.instruction, setting) or other_value(setting)
            if name not in on and other is not None and not on:
                on[name] = other
        return on

    def _settings(self, folder: Path) -> list[Setting]:
        script = self._script(folder)
        try:
            return kit_settings.discover(script, folder) if script else []
        except LabhandError:
            return []

    def _script(self, folder: Path) -> Path | None:
        script = self.reading.script
        if script is None or not script.is_relative_to(self.root):
            return None
        place = folder / script.relative_to(self.root)
        return place if place.is_file() else None

    def _base(self) -> list[Trial]:
        """Two runs of the code as it was: where they differ, nothing is said of the change."""
        if not self._old:
            first = self._start(self.before, {}, LOSSES)
            while first.fails and "ModuleNotFoundError" in first.output and len(self._pythons) > 1:
                del self._pythons[0]
                first = self._start(self.before, {}, LOSSES)
            self._old = [first, first if first.fails else self._start(self.before, {}, LOSSES)]
        return self._old

    def _start(self, folder: Path, on: dict[str, str], enough: int) -> Trial:
        copy = self._copy_of(folder)
        here = copy / self.inner
        applied = kit_settings.apply(on, self.reading.command, here, copy)
        words = [self._pythons[0] if n == 0 and w.startswith("python") else w for n, w in enumerate(applied.command)]  # fmt: skip
        return trial.start(words, here, self._box(copy), self._cap(), enough, applied.overlay)

    def _cap(self) -> float:
        return max(min(LONGEST_S, self._left_s / 3), 5.0)

    def _box(self, folder: Path) -> Sandbox:
        return Sandbox([folder], network=self.configuration.agent_network)

    def _copy(self, *, before: bool = False) -> Path:
        self._copies += 1
        place = self._place / str(self._copies)
        self.tree.copy(place, before=before)
        (place / ".labhand").mkdir(exist_ok=True)  # so that it is a project by itself
        return place

    def _copy_of(self, folder: Path) -> Path:
        """A fresh copy: what a run leaves behind must not be found by the next."""
        place = self._place / "run"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(folder, place, symlinks=True)
        return place


def _only_defines(path: Path) -> bool:
    """Whether importing a file starts no work: all but definitions is under the main guard."""
    try:
        body = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return False
    for node in body:
        if isinstance(node, ast.For | ast.While | ast.With | ast.AsyncFor):
            return False
        if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant):
            return False
        if isinstance(node, ast.Assign | ast.AnnAssign) and any(
            isinstance(n, ast.Attribute) and n.attr in ("parse_args", "read_csv", "load")
            for n in ast.walk(node)
        ):
            return False
    return True


def _module_name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").removeprefix("src/").replace("/", ".")


def _is_test(path: str) -> bool:
    name = Path(path).name
    return name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py"


def _has_tests(folder: Path) -> bool:
    return any(_is_test(p.name) and p.name != "conftest.py" for p in folder.rglob("*.py"))


def _failed_tests(words: str) -> set[str]:
    return {line.split()[1] for line in words.splitlines() if line.startswith(("FAILED ", "ERROR ")) and len(line.split()) > 1}  # fmt: skip


def _differ(a: Trial, b: Trial, name: str) -> tuple[int, float, float] | None:
    """The first step at which a metric differs, and both values; None: never.

    What the probe looks at now and then is held against itself where both looked.
    """
    other = _by_step(b.rows.get(name, []))
    for (step, nth), one in _by_step(a.rows.get(name, [])).items():
        if (step, nth) in other and repr(one) != repr(other[step, nth]):
            return step, one, other[step, nth]
    return None


def _by_step(rows: list[tuple[int, float]]) -> dict[tuple[int, int], float]:
    count: dict[int, int] = {}
    found = {}
    for step, value in rows:
        count[step] = count.get(step, 0) + 1
        found[step, count[step]] = value
    return found


def _told(on: dict[str, str]) -> str:
    return f" with {', '.join(f'{k}={v}' for k, v in on.items())}" if on else ""


def _firsts(run: Trial) -> str:
    names = [n for n in [*headlines(run.rows), *run.rows] if run.rows[n]]
    told = [f"`{name}` {run.rows[name][0][1]:.4g}" for name in dict.fromkeys(names)]
    return ", ".join(told[:2])


def _short(names: list[str]) -> str:
    return ", ".join(f"`{n}`" for n in names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")  # fmt: skip
