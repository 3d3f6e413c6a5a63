"""What an instruction is read against: the script that is meant, its settings, the runs, the habits."""

import os
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from labhand.core.errors import LabhandError, UsageError
from labhand.core.store import Store, project_root
from labhand.kit import settings as kit_settings
from labhand.kit.catalog import Catalog, RunRow
from labhand.kit.code.project import SKIPPED
from labhand.kit.settings import Setting

_NAMES = (
    re.compile(r"^train(ing)?$"),
    re.compile(r"^(main|run)$|^train_|_train$|^(pre|fine)_?(train|tune)"),
    re.compile(r"train|finetune|fit|main|run|experiment|sweep"),
)
"""What the script that trains is called, likeliest first."""
_ENTRY = re.compile(
    r"""^if\s+__name__\s*==\s*["']__main__["']|ArgumentParser\(|@hydra\.main|fire\.Fire\(|app\.run\("""
    r"""|\.backward\(|\.fit\(|Trainer\(|\.parse_args""",
    re.M,
)
_ASIDE = re.compile(r"^(test_.*|.*_test|conftest|setup|noxfile|__init__|.*config.*|utils?)$")
_MOST_FILES = 2000


class Situation:
    """One project as it stands now. What is slow is found when it is first asked for."""

    def __init__(self, start: Path) -> None:
        self.cwd = start.resolve()
        self.root = project_root(start)
        self.store = Store.at(start)
        self.script: Path | None = None
        self.command: list[str] = []
        self.why_script = ""

    @cached_property
    def scripts(self) -> list[Path]:
        """The files that can be started, the one that most likely trains first."""
        found = [path for path in _python_files(self.root) if _starts(path)]
        return sorted(found, key=lambda path: _likeliness(path, self.root))

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
            return
        for row in self.runs[:20]:
            try:
                script, position = kit_settings.script_of(row.command, self.cwd, self.root)
            except UsageError:
                continue
            if not script.is_relative_to(self.root):
                continue
            self.script, self.command = script, row.command[: position + 1]
            self.why_script = f"the last run, `{row.name}`, ran it"
            return
        if self.scripts:
            others = len(self.scripts) - 1
            why = f"of {others + 1} scripts here its name says most that it trains"
            self._take(self.scripts[0], why if others else "it is the only script here")

    def _take(self, script: Path, why: str) -> None:
        self.script, self.why_script = script, why
        shown = os.path.relpath(script, self.cwd)
        self.command = ["python", shown]


def _python_files(root: Path) -> Iterator[Path]:
    count = 0
    for folder, below, files in os.walk(root):
        below[:] = sorted(n for n in below if n not in SKIPPED and not n.startswith((".", "test")))
        for name in sorted(files):
            if name.endswith(".py") and not _ASIDE.match(name[:-3]):
                count += 1
                if count > _MOST_FILES:
                    return
                yield Path(folder, name)


def _starts(path: Path) -> bool:
    try:
        return bool(_ENTRY.search(path.read_text(encoding="utf-8", errors="replace")))
    except OSError:
        return False


def _likeliness(path: Path, root: Path) -> tuple[int, int, int, str]:
    stem = path.stem.lower()
    name = next((i for i, form in enumerate(_NAMES) if form.search(stem)), len(_NAMES))
    return name, len(path.relative_to(root).parts), -_count(path), str(path)


def _count(path: Path) -> int:
    try:
        return len(kit_settings.discover(path, path.parent))
    except LabhandError:
        return 0
