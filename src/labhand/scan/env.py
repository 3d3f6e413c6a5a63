"""The environment of scan: data with known faults, as problems, and how well an answer met them."""

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from labhand.core.registry import load_all
from labhand.scan.anomaly import Anomaly
from labhand.scan.corruption import Problem
from labhand.scan.data import Data, Part
from labhand.scan.engine import look
from labhand.scan.opening import open_data
from labhand.scan.roles import find_roles

NAME = "scan"
_IMAGE = re.compile(rb"P[1-6]\s")


def run_case(text: str) -> list[tuple[str, int]]:
    """The findings of every detector in a text, as pairs of rule and line."""
    return findings_in(text, {})


def findings_in(
    text: str, beside: Mapping[str, str], rules: Iterable[str] | None = None
) -> list[tuple[str, int]]:
    """The findings in a text, as pairs of rule and line of that text.

    The text is CSV, JSON, JSON Lines or an image of plain PNM; a file beside it whose name begins as a
    split does (`train.csv`) is that split, and the text is then the split `test` (or `train`, beside
    a test). Any other file beside it is a part without a name. A finding stands on the line of each
    of its rows; one without rows, and one of an image, on line 1.
    """
    with opened(text, beside) as (data, main):
        loaded = {n: cls() for n, cls in load_all("scan-detector")[0].items()}
        wanted = loaded if rules is None else {n: loaded[n] for n in rules}
        looked = look(data, wanted)
        failed = [s for s in looked.skipped if s.why.startswith("it failed")]
        assert not failed, failed
        inside = [(n, a) for n, a in looked.anomalies if a.part.path.startswith(str(main))]
        return sorted({pair for name, a in inside for pair in _lines(name, a, main)})


@contextmanager
def opened(text: str, beside: Mapping[str, str]) -> Iterator[tuple[Data, Path]]:
    """The data of a case, as long as it is used, and the file or folder that its text became."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        main = folder / f"case{_suffix(text)}"
        for path, content in ((main, text), *((folder / n, c) for n, c in beside.items())):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        if main.suffix == ".pnm":
            yield open_data([folder]).data, folder
            return
        known = {name.partition(".")[0]: folder / name for name in beside}
        splits = {name: path for name, path in known.items() if name in ("train", "val", "test")}
        others = [path for name, path in known.items() if name not in splits]
        if splits:
            splits["train" if "test" in splits else "test"] = main
        yield open_data([*others, *([] if splits else [main])], splits).data, main


def _suffix(text: str) -> str:
    first = text.lstrip()[:1]
    if _IMAGE.match(text.encode()[:3]):
        return ".pnm"
    if first == "[":
        return ".json" if "\n" not in text.strip() or text.lstrip()[1:2] in "\n{" else ".jsonl"
    return ".jsonl" if first == "{" else ".csv"


def _lines(name: str, anomaly: Anomaly, main: Path) -> list[tuple[str, int]]:
    if anomaly.found is None or not len(anomaly.found) or main.is_dir():
        return [(name, 1)]
    first = 2 if anomaly.part.facts.get("header") else 1
    return [(name, int(row) + first) for row in anomaly.found["row"].unique()]


def solve(problem: Problem) -> list[tuple[str, int, float]]:
    """What labhand itself answers to a problem: rule, row and score of each row of its warnings."""
    parts = [Part("problem", None, problem.frame)]
    data = Data(parts, find_roles(parts, {}))
    looked = look(data, {n: cls() for n, cls in load_all("scan-detector")[0].items()})
    return [
        (name, int(row), float(score))
        for name, anomaly in looked.anomalies
        if anomaly.found is not None and (problem.task.facts["rule"] or anomaly.severity != "note")
        for row, score in anomaly.found.select("row", "score").iter_rows()
    ]
