"""What every detector and reader of scan must do, as tests: subclass and give the fixture `files`.

```python
class TestMyDetector(ScanDetectorContract):
    @pytest.fixture
    def files(self):
        return Path("scan/detectors/my_detector.py"), Path("cases/scan/my-detector.md")
```
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labhand.core.errors import LabhandError
from labhand.core.finding import SEVERITIES
from labhand.core.registry import KINDS, Extension
from labhand.kit import cases
from labhand.scan.anomaly import Anomaly
from labhand.scan.data import CannotLook, Data, Part
from labhand.scan.detectors import DetectorProtocol
from labhand.scan.env import opened
from labhand.scan.roles import find_roles


class ScanDetectorContract:
    """The tests. `files` is the path of the detector and that of its case file."""

    def test_documentation_has_every_section(self, files: tuple[Path, Path]) -> None:
        """`labhand rule NAME` has something to print under each title."""
        documentation = cases.documentation(_extension("scan-detector", files))
        assert cases.summary(documentation).endswith("."), "the first line is no sentence"
        assert cases.missing_sections("scan-detector", documentation) == []

    def test_has_bad_and_clean_cases(self, files: tuple[Path, Path]) -> None:
        """There is data with the fault, and data that looks like it and has none."""
        blocks = cases.parse(files[1].read_text(encoding="utf-8"))
        assert any(c.expected for c in blocks) and not all(c.expected for c in blocks)

    def test_anomalies_are_sentences_with_rows(self, files: tuple[Path, Path]) -> None:
        """A claim says in one line with numbers what is off, and what to do; its rows are there."""
        for data, anomaly in _every(files):
            told = anomaly.message
            assert told and "\n" not in told and not told.endswith("."), told
            assert any(c.isdigit() for c in told), f"no number in: {told}"
            assert anomaly.advice and 0 < anomaly.confidence <= 1
            assert anomaly.severity in SEVERITIES and anomaly.part in data.parts
            assert set(anomaly.columns) <= set(anomaly.part.names)
            if anomaly.found is not None:
                _check_rows(anomaly)

    def test_looking_twice_says_the_same(self, files: tuple[Path, Path]) -> None:
        """The second look at the same data finds the same rows with the same scores."""
        for data in _datas(files):
            first, second = (_look(_detector(files), data) for _ in range(2))
            assert [a.message for a in first] == [a.message for a in second]

    def test_takes_whatever_comes(self, files: tuple[Path, Path]) -> None:
        """Nothing raises: no rows, one row, all null, constant, huge, mixed, strange names."""
        for frame in _hostile():
            _look(_detector(files), _data(frame))


def _check_rows(anomaly: Anomaly) -> None:
    found = anomaly.found
    assert found is not None
    assert found.columns[:2] == ["row", "score"], found.columns
    assert found["score"].is_sorted(descending=True), "the strongest rows come first"
    known = set(anomaly.part.row_numbers.tolist())
    assert set(found["row"].to_list()) <= known, "rows that are not there"


def _extension(kind: str, files: tuple[Path, Path]) -> Extension:
    return Extension(KINDS[kind], files[0].stem.replace("_", "-"), "project", str(files[0]))


def _detector(files: tuple[Path, Path]) -> DetectorProtocol:
    detector: DetectorProtocol = _extension("scan-detector", files).load()()
    return detector


def _datas(files: tuple[Path, Path]) -> Iterator[Data]:
    for case in cases.parse(files[1].read_text(encoding="utf-8")):
        with opened(case.text, case.beside) as (data, _):
            yield data


def _every(files: tuple[Path, Path]) -> Iterator[tuple[Data, Anomaly]]:
    detector = _detector(files)
    for data in _datas(files):
        for anomaly in _look(detector, data):
            yield data, anomaly


def _look(detector: DetectorProtocol, data: Data) -> list[Anomaly]:
    if any(data.lacks(need) for need in ("rows", *detector.needs)):
        return []
    try:
        return list(detector.look(data))
    except CannotLook:
        return []


def _data(frame: Any) -> Data:
    parts = [Part("a", "train", frame), Part("b", "test", frame)]
    roles = find_roles(parts, {})
    for role in ("label", "group", "time", "id"):
        if role in parts[0].names:
            roles[role] = role
    return Data(parts, roles)


def _hostile() -> Iterator[Any]:
    """Tables that nobody would make."""
    import polars as pl

    random_ = random.Random(1)
    yield pl.DataFrame()
    yield pl.DataFrame({"x": [], "label": []}, schema={"x": pl.Float64, "label": pl.String})
    yield pl.DataFrame({"x": [None, None], "label": [None, None]})
    yield pl.DataFrame({"x": [1.0], "label": ["a"], "group": ["g"], "time": ["2020-01-01"]})
    values = [float("nan"), float("inf"), -1e308, 1e308, 0.0, None] * 20
    labels = [random_.choice(["a", "b", None, ""]) for _ in values]
    yield pl.DataFrame({"x": values, "y z": values[::-1], "label": labels, "group": labels})
    texts = [
        random_.choice(["", " ", "\0", "é" * 300, "1", "N/A", "nan", "a b c d"]) for _ in values
    ]
    yield pl.DataFrame({"text": texts, "label": texts, "time": texts, "": texts})
    lists = [[1.0, 2.0], [], None, [float("nan")]] * 10
    yield pl.DataFrame({"vector": lists, "messages": [[{"role": "user"}], None] * 20})
    yield pl.DataFrame({"label": [1] * 60, "x": [2**62] * 60, "id": list(range(60))})
    yield from _taken(random_)


def _taken(random_: random.Random) -> Iterator[Any]:
    """Tables whose columns are called as those that a query makes for itself."""
    import polars as pl

    names = (
        "row score value partner column key all same other label a b c n v r l t at count len index "
        "usual times rows several right left suggested how first who turn start end text group word "
        "words item run step answer gold by share mean literal near wrong theirs place part size"
    ).split()
    for repeats in (1, 2):
        numbers = {n: [round(random_.gauss(5, 1), 3) for _ in range(60)] for n in names}
        words = {n: [random_.choice(["red", "Red", "blue"]) for _ in range(60)] for n in names}
        texts = {n: [f"{random_.random()} a few words of text" for _ in range(60)] for n in names}
        for told in (numbers, words, texts):
            yield pl.concat([pl.DataFrame(told)] * repeats)
        yield pl.concat([pl.DataFrame(numbers | {n: words[n] for n in names[::2]})] * repeats)


class ScanReaderContract:
    """The tests. `files` is the path of the reader and that of a file which the real tool wrote."""

    def test_knows_its_own(self, files: tuple[Path, Path]) -> None:
        """It accepts the file by its beginning, and not an empty one."""
        reader = _extension("scan-reader", files).load()()
        head = b"" if files[1].is_dir() else files[1].read_bytes()[: 1 << 16]
        assert reader.accepts(files[1], head)
        assert not reader.accepts(Path("nothing.xyz"), b"")

    def test_tables_have_rows(self, files: tuple[Path, Path]) -> None:
        """The file holds what the tool wrote."""
        reader = _extension("scan-reader", files).load()()
        tables = list(reader.tables(files[1]))
        assert tables and all(table.frame.lazy().collect().height for table in tables)

    def test_damage_is_told_in_one_sentence(self, files: tuple[Path, Path], tmp_path: Path) -> None:
        """A file that is cut gives what is left of it, or an error made for people."""
        if files[1].is_dir():
            return
        reader = _extension("scan-reader", files).load()()
        whole = files[1].read_bytes()
        for share in (0.1, 0.5, 0.9):
            broken = tmp_path / files[1].name
            broken.write_bytes(whole[: int(len(whole) * share)])
            try:
                for table in reader.tables(broken):
                    table.frame.lazy().collect()
            except LabhandError as error:
                assert "\n" not in str(error).strip()
