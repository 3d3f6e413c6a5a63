"""What a diff touches of that which judges a result: evaluation, metrics, splits, seeds, tests."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from labhand.core.patch import ChangedFile, Touch
from labhand.kit.metric_names import ERRORS, HELD_OUT, LOSSES, RETURNS, SCORES
from labhand.kit.patterns import pattern

_HUNK = pattern(r"^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
_WORD = pattern(r"[A-Za-z][a-z]+|[A-Z]+(?![a-z])|[a-z]+|\d+")
_EVALUATION = frozenset("eval evaluate evaluation evaluator validate validation validator".split())
_SPLITS = pattern(r"train_test_split|random_split|StratifiedKFold|KFold|ShuffleSplit|Subset\(|\.split\(\s*\w*(?:data|set)|(?:test|val|valid|holdout)_(?:size|frac|fraction|ratio|split)", re.I)  # fmt: skip
_HELD = pattern(r"\b(?:held_?out|hold_?out)\w*\s*(?:,[^=\"']*)?=[^=]", re.I)
"""Data that are held out are given a value."""
_SEEDS = pattern(r"manual_seed|(?:^|[^\w])seed\w*\(|random_state|RandomState\(|default_rng\(|\bseeds?\b\s*=|[\"'](?:--)?seed[\"']|\bseed_\w+|PYTHONHASHSEED|use_deterministic|cudnn\.(?:deterministic|benchmark)")  # fmt: skip
_RECORD = pattern(r"sys\.settrace|sitecustomize|usercustomize|LABHAND_|\blabhand\b|os\._exit|monkeypatch", re.I)  # fmt: skip
_TEST_FILE = pattern(r"(^|/)(tests?/|test_[^/]*\.py$|[^/]*_test\.py$|conftest\.py$)")
_JUDGE_FILE = pattern(r"(^|/)(eval\w*|validat\w*|metrics?|scor(?:e|ing)\w*|evaluat\w*)\.py$")
_DATA_FILE = pattern(r"\.(csv|tsv|jsonl|npy|npz|parquet|arrow|h5|pkl|pt)$")


class _Changed(NamedTuple):
    """A changed line: which side it stands on, its number there, its text."""

    new: bool
    line: int
    text: str


def changed_files(diff: str) -> list[ChangedFile]:
    """The files of a unified diff."""
    return [
        ChangedFile(
            path=path, added=sum(c.new for c in lines), removed=sum(not c.new for c in lines)
        )
        for path, lines in _files(diff)
    ]


def touches(diff: str, before: Path, after: Path) -> list[Touch]:
    """The changed lines that belong to what judges a result. The folders hold the code on both sides."""
    found: list[Touch] = []
    for path, lines in _files(diff):
        owners = {new: _Owners((after if new else before) / path) for new in (False, True)}
        for changed in lines:
            what = _what(path, changed, owners[changed.new])
            if what and changed.text.strip() and not changed.text.strip().startswith("#"):
                found.append(Touch(path=path, line=changed.line, what=what, text=changed.text.strip()[:160]))  # type: ignore[arg-type]  # fmt: skip
    return found


def _files(diff: str) -> Iterator[tuple[str, list[_Changed]]]:
    for part in re.split(r"^(?=diff --git )", diff, flags=re.M):
        head = re.match(r"diff --git a/(.*?) b/(.*)\n", part)
        if head is None:
            continue
        lines: list[_Changed] = []
        old = new = 0
        for line in part.splitlines():
            if mark := _HUNK.match(line):
                old, new = int(mark[1]), int(mark[2])
            elif not old and not new:
                continue
            elif line.startswith("+"):
                lines.append(_Changed(True, new, line[1:]))
                new += 1
            elif line.startswith("-"):
                lines.append(_Changed(False, old, line[1:]))
                old += 1
            elif not line.startswith("\\"):
                old, new = old + 1, new + 1
        yield head[2].strip('"'), lines


def _what(path: str, changed: _Changed, owners: "_Owners") -> str | None:
    if _TEST_FILE.search(path):
        return "tests"
    if Path(path).name in ("sitecustomize.py", "usercustomize.py") or path.endswith(".pth"):
        return "record"
    if _DATA_FILE.search(path):
        return "split"
    text = _code(changed.text)
    if _RECORD.search(text):
        return "record"
    if _SEEDS.search(text):
        return "seed"
    if _SPLITS.search(text) or _HELD.search(text):
        return "split"
    if _JUDGE_FILE.search(path) or any(_judges(name) for name in owners.of(changed.line)):
        return "evaluation"
    return _by_names(text)


def _code(text: str) -> str:
    return re.sub(r"\s#.*$", "", text) if text.count('"') % 2 == 0 else text


def _judges(function: str) -> bool:
    words = [w.lower() for w in _WORD.findall(function)]
    return bool(words) and (
        not _EVALUATION.isdisjoint(words)
        or words[0] in ("test", "val", "valid")
        or words[-1] in (SCORES | ERRORS) - {"score", "return", "returns", "map", "em"}
        or words[-1] in ("metric", "metrics")
    )


def _by_names(text: str) -> str | None:
    """What the names on a line tell: a metric, or the data that are held out."""
    for name in re.findall(r"[A-Za-z_][\w/]*", text):
        words = [w.lower() for w in _WORD.findall(name)]
        held = not HELD_OUT.isdisjoint(words)
        if held and not LOSSES.isdisjoint(words):
            return "metric"
        if not (SCORES - RETURNS - {"score", "map", "em", "hits", "r2"}).isdisjoint(words):  # fmt: skip
            return "metric"
        if held and re.search(r"loader|data|set|split|idx|ind(?:ex|ices)|mask|[xy]$", name, re.I) and len(words) > 1:  # fmt: skip
            return "split"
    return None


class _Owners:
    """The functions and classes that a line of a file stands in."""

    def __init__(self, path: Path) -> None:
        self._spans: list[tuple[int, int, str]] = []
        try:
            tree = ast.parse(path.read_bytes()) if path.suffix == ".py" else None
        except (OSError, SyntaxError, ValueError):
            tree = None
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self._spans.append((node.lineno, node.end_lineno or node.lineno, node.name))

    def of(self, line: int) -> list[str]:
        """Their names."""
        return [name for first, last, name in self._spans if first <= line <= last]
