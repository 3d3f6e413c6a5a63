"""What an instruction is read against: the script that is meant, its settings, the runs, the habits."""

import ast
import os
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from labhand.core.errors import LabhandError, UsageError
from labhand.core.habit import Habit
from labhand.core.run import Run
from labhand.core.store import Store, project_root
from labhand.interpret.lexicon import Known
from labhand.interpret.values import Base
from labhand.interpret.vocabulary import joined
from labhand.kit import habits as kit_habits
from labhand.kit import settings as kit_settings
from labhand.kit import snapshot, sweeps
from labhand.kit.catalog import Catalog, RunRow
from labhand.kit.code.project import SKIPPED
from labhand.kit.metric_names import direction
from labhand.kit.settings import Setting
from labhand.kit.values import flat

_NAMES = (
    re.compile(r"^train(ing)?$"),
    re.compile(r"^(main|run)$|^train_|_train$|^(pre|fine)_?(train|tune)"),
    re.compile(r"train|finetune|fit|main|run|experiment|sweep"),
)
"""What the script that trains is called, likeliest first."""
_GUARD = re.compile(r"""^if\s+__name__\s*==\s*["']__main__["']""", re.M)
_ENTRY = re.compile(
    r"ArgumentParser\(|@hydra\.main|fire\.Fire\(|app\.run\(|\.backward\(|\.fit\(|Trainer\(|\.parse_args|\.train\(|"
    r"value_and_grad\(|GradientTape\(|cross_val_score\(|cross_validate\("
)
_ASIDE = re.compile(
    r"^(test_.*|.*_test|conftest|setup|noxfile|__init__|.*config.*|(.*_)?(utils?|lib))$"
)
_MOST_FILES = 2000
_SWEEPS = 100
"""So many of the newest sweeps are asked for the run."""
_NAMEABLE = (".py", ".yaml", ".yml", ".toml", ".json", ".md", ".sh")
_METRIC = re.compile(
    r"loss|acc|f1|auc|ppl|perplexity|bleu|rouge|reward|return|error|score|iou|map|mse|mae|bpb|psnr|fid|kid|rmse|r2|ndcg|wer|top1|top5|auroc|dice|ssim|wape|mase|brier|nll|auc|kappa|elbo|prec|recall|mrr|cer|ece|ari|nmi|silhouette|success|rel_?l2",
    re.I,
)


_MEASURED = re.compile(
    r"^(?:val|valid|test|eval|dev)[_/]|(?:^|[_/])(?:r@?\d+|prec(?:ision)?@?\d*)$"
)
"""Names of printed numbers that measure, though they do not say which way is better."""


class Situation:
    """One project as it stands now. What is slow is found when it is first asked for."""

    def __init__(self, start: Path) -> None:
        self.cwd = start.resolve()
        self.root = project_root(start)
        self.store = Store.at(start)
        self.script: Path | None = None
        self.command: list[str] = []
        self.why_script = ""
        self.alike: list[Path] = []
        self.metric: str | None = None
        self.base_run: Run | None = None
        self.last_run: Run | None = None
        self.no_habits = ""
        self._unchanged: dict[str, bool] = {}

    @cached_property
    def scripts(self) -> list[Path]:
        """The files that can be started, the one that most likely trains first."""
        files = list(_python_files(self.root))
        found = [path for path in files if _starts(path)] or [p for p in files if _acts(p)]
        near = [path for path in found if path.is_relative_to(self.cwd)]
        far = [path for path in found if path not in near]
        near.sort(key=lambda path: _likeliness(path, self.cwd))
        return near + sorted(far, key=lambda path: _likeliness(path, self.root))

    @cached_property
    def files(self) -> list[Path]:
        """Every file of the project that an instruction may name."""
        found: list[Path] = []
        for folder, below, files in os.walk(self.root):
            below[:] = sorted(n for n in below if n not in SKIPPED and not n.startswith("."))
            found += [Path(folder, n) for n in sorted(files) if n.endswith(_NAMEABLE)]
            if len(found) > _MOST_FILES:
                break
        return found

    @cached_property
    def sources(self) -> dict[Path, str]:
        """The Python files of the project with their texts, without tests."""
        return {path: _text(path) for path in _python_files(self.root, every=True)}

    @cached_property
    def metrics(self) -> dict[str, str]:
        """The names of metrics in runs and code, by their letters and digits alone."""
        found: dict[str, str] = {}
        for row in self.runs[:3]:
            try:
                run = self.store.read(row.id)
            except LabhandError:
                continue
            for name in run.metrics:
                if direction(name):
                    _name_metric(found, name)
        own = {s.name.rpartition(".")[2] for s in self.settings}
        for text in self.sources.values():
            for name in _measured(text, own):
                _name_metric(found, name)
        return found

    def base(self, known: Known) -> Base:
        """What a setting is in the run that is referred to, else in the code."""
        if self.base_run is not None:
            missing = object()
            value = self.of_run(self.base_run, known, missing)
            if value is not missing:
                return Base(value, f"`{self.base_run.name}`")
        run = self.last_run
        if run is not None and self._given(known.setting):
            value = self.of_run(run, known, known.setting.default)
            if value != known.setting.default:
                return Base(value, f"the last run, `{run.name}`")
        return Base(known.setting.default, "the code")

    def _given(self, setting: Setting) -> bool:
        """Whether the command of the last run names a setting."""
        spelled = {*setting.spellings, setting.flag} - {""}
        return any(word.partition("=")[0] in spelled for word in self.command)

    def computes(self, run: Run, known: Known, keys: set[str]) -> bool:
        """Whether the code itself made a setting's value in a run, so that it will make it again.

        So it is where nobody gave the value and the code is as it was then. `keys`: of all settings; a
        name that is another's key was given to that one.
        """
        last = known.setting.name.rpartition(".")[2]
        names = {known.key, *known.setting.spellings} | ({last} - keys)
        return self._same_code(run) and not given_to(self.store, run) & set(map(joined, names))

    def _same_code(self, run: Run) -> bool:
        if self._unchanged.get(run.id) is None:
            same = snapshot.same(self.root, self.store.home, run.code, results=False)
            self._unchanged[run.id] = same
        return self._unchanged[run.id]

    @cached_property
    def habits(self) -> list[Habit]:
        """The habits, a person's own first; none where their file cannot be read: see `no_habits`."""
        try:
            return kit_habits.read(self.store.home).habits
        except LabhandError as error:
            self.no_habits = str(error)
            return []

    @staticmethod
    def of_run(run: Run, known: Known, missing: object = None) -> object:
        """The value that a setting had in a run."""
        config = flat(run.config)
        last = known.setting.name.rpartition(".")[2]
        for name in (known.key, known.setting.name, last, known.setting.name.replace("-", "_")):
            if name in config:
                return config[name]
        return missing

    @cached_property
    def runs(self) -> list[RunRow]:
        """The runs of the record in short, newest first."""
        return Catalog(self.store).rows()

    @cached_property
    def settings(self) -> list[Setting]:
        """The settings of the script that is meant; none where there is no script or no setting."""
        return kit_settings.discover(self.script, self.root) if self.script else []

    def choose(self, wanted: Path | None = None) -> None:
        """Settles which script is meant, and why: the wanted one, the last run's, the likeliest."""
        if wanted is not None:
            self._take(wanted, "the instruction names it")
        for row in self.runs[: 200 if wanted else 20]:
            try:
                script, position = kit_settings.script_of(row.command, self.cwd, self.root)
            except UsageError:
                continue
            if not script.is_relative_to(self.root) or (wanted and script != wanted.resolve()):
                continue
            self._start_from(row, script, position)
            return
        if wanted is not None:
            return
        if self.scripts:
            place = self.cwd if self.scripts[0].is_relative_to(self.cwd) else self.root
            first = _likeliness(self.scripts[0], place)[:3]
            rivals = [p for p in self.scripts if p.is_relative_to(place)]
            self.alike = [p for p in rivals if _likeliness(p, place)[:3] == first]
            others = len(self.scripts) - 1
            why = f"of {others + 1} scripts here its name says most that it trains"
            self._take(self.scripts[0], why if others else "it is the only script here")

    def _start_from(self, row: RunRow, script: Path, position: int) -> None:
        """Takes the command of a run of the script, with all that it gave it."""
        if self.script is None:
            self.why_script = f"the last run, `{row.name}`, ran it"
        self.script = script
        self.command = self._untried(row)
        try:
            self.last_run = self.store.read(row.id)
        except LabhandError:
            self.command = row.command[: position + 1]

    def _untried(self, row: RunRow) -> list[str]:
        """The command of a run without what only its sweep tried: the last value of that is nobody's choice."""
        sweep = sweeps.of(sweeps.tried(self.store.home, _SWEEPS), row.name)
        tried = sweep.keys if sweep else ()
        spelled = {
            word
            for s in self.settings
            if s.name in tried
            for word in (*s.spellings, s.flag)
            if word
        }
        kept: list[str] = []
        words = iter(row.command)
        for word in words:
            name, equals, _ = word.partition("=")
            if name not in spelled:
                kept.append(word)
            elif not equals:
                next(words, None)
        return kept

    def _take(self, script: Path, why: str) -> None:
        self.script, self.why_script = script, why
        shown = os.path.relpath(script, self.cwd)
        self.command = ["python", shown]


def given_to(store: Store, run: Run) -> set[str]:
    """The names of what a person gave a run, by its command or by `--set`, by their letters and digits."""
    words = list(run.command)
    for happened in store.events(run.id, 1):
        if happened.kind == "attempt-started":
            words += happened.data.get("settings", {})
            break
    names = [word.partition("=")[0].lstrip("-+") for word in words]
    return {joined(name) for name in names} | {joined(n.rpartition(".")[2]) for n in names}


def _measured(text: str, own: set[str]) -> Iterator[str]:
    """The names of metrics in a file; `own` are those of settings."""
    for name in re.findall(r"\b[a-z][a-z0-9]*(?:[_/][a-z0-9]+)+\b(?!\()", text):
        made = name in own or re.search(rf"\b{name}\(", text)  # a function that tells one
        if direction(name) and _METRIC.search(name) and not made:
            yield name
    for name in re.findall(r"(?<![\w.])([A-Za-z][\w/@.-]*)=(?:%[.\d]*[a-z]|\{)", text):
        if direction(name) or _MEASURED.search(name.lower()):
            yield name
    printed = re.findall(r"(?<![\w.])([A-Za-z][\w/-]*)@?[ :=]*\{", text)  # f"psnr {x:.2f}"
    quoted = re.findall(r"""["']([A-Za-z][\w./@-]{1,40})["']\s*[:,\])]""", text)
    yield from (n for n in (*printed, *quoted) if direction(n) and _METRIC.search(n))


def _name_metric(found: dict[str, str], name: str) -> None:
    """Enters a metric by its whole name and by what follows the slash."""
    for form in (name, name.rpartition("/")[2]):
        found.setdefault(joined(form), name)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _python_files(root: Path, *, every: bool = False) -> Iterator[Path]:
    count = 0
    for folder, below, files in os.walk(root):
        below[:] = sorted(n for n in below if n not in SKIPPED and not n.startswith((".", "test")))
        for name in sorted(files):
            if name.endswith(".py") and (every or not _aside(Path(folder, name))):
                count += 1
                if count > _MOST_FILES:
                    return
                yield Path(folder, name)


def _aside(path: Path) -> bool:
    """Whether a file is called as what trains is not; with arguments a `char_cnn_test.py` may train."""
    if not _ASIDE.match(path.stem):
        return False
    return not (path.stem.endswith("_test") and "ArgumentParser(" in _text(path))


def _starts(path: Path) -> bool:
    """Whether a file does something that trains when Python runs it, and does not only define it."""
    text = _text(path)
    if _GUARD.search(text):
        return True
    if not _ENTRY.search(text):
        return False
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return True
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    trains = {
        f.name for f in body if isinstance(f, ast.FunctionDef) and _ENTRY.search(ast.unparse(f))
    }
    for statement in body:
        if isinstance(statement, defined):
            continue
        called = (n.func for n in ast.walk(statement) if isinstance(n, ast.Call))
        if any(isinstance(f, ast.Name) and f.id in trains for f in called):
            return True
        if _ENTRY.search(ast.unparse(statement)):
            return True
    return False


def _acts(path: Path) -> bool:
    """Whether a file loops or calls something when Python runs it, where none is seen to train."""
    try:
        body = ast.parse(_text(path)).body
    except (SyntaxError, ValueError):
        return False
    return any(
        isinstance(s, ast.For | ast.While | ast.With | ast.Expr)
        and not isinstance(getattr(s, "value", None), ast.Constant)
        for s in body
    )


def _likeliness(path: Path, root: Path) -> tuple[int, bool, int, int, str]:
    stem = path.stem.lower()
    name = next((i for i, form in enumerate(_NAMES) if form.search(stem)), len(_NAMES))
    idle = not _ENTRY.search(_text(path))
    return name, idle, len(path.relative_to(root).parts), -_count(path), str(path)


def _count(path: Path) -> int:
    try:
        return len(kit_settings.discover(path, path.parent))
    except LabhandError:
        return 0
