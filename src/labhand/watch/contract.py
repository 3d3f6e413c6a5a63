"""What every detector and reader must do, as tests: subclass and give the fixture `files`.

```python
class TestMyDetector(DetectorContract):
    @pytest.fixture
    def files(self):
        return Path("detectors/my_detector.py"), Path("cases/my-detector.md")


class TestMyReader(ReaderContract):
    @pytest.fixture
    def files(self):
        return Path("readers/my_reader.py"), Path("samples/log.mine")
```
"""

import math
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import msgspec

from labhand.core.errors import LabhandError
from labhand.core.finding import SEVERITIES, State
from labhand.core.registry import KINDS, Extension
from labhand.kit import cases
from labhand.kit.cost import calls
from labhand.watch.detectors import DetectorProtocol
from labhand.watch.env import signals_of
from labhand.watch.incidents import Claim
from labhand.watch.readers import ReaderProtocol
from labhand.watch.rows import Row, head, singly
from labhand.watch.signals import Ended, Fact, Output, Points, Signal, Tick
from labhand.watch.view import View
from labhand.watch.watcher import Watcher

OPTIONAL = {"blind", "concern", "explained_by", "peak", "skim", "waits", "wants"}
MOST_CALLS = 150
"""Calls of functions, Python's own included, that a row may cost on average."""
_CLOCK = 1.7e9
_STEPS = (0, 1, -1, 7, 2**62, -(2**62))
_VALUES = (0.0, -0.0, 1.0, -3.5, 5e-324, 1e308, -1e308, math.nan, math.inf, -math.inf)
_NAMES = "loss train/loss val_loss val/acc grad_norm lr probe/loss ep. é".split()
_SOURCES = "log tracker probe files output system csv parquet".split()
_FACTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("non-finite", {}),
    ("non-finite", {"step": None, "what": "gradient", "first": None, "batch_rows": None}),
    ("non-finite", {"step": 3, "what": "loss", "first": {"layer": None, "kind": "input"}}),
    ("exception", {}),
    ("checkpoint", {}),
    ("stacks", {}),
    ("of-tomorrow", {"x": [1]}),
)


class DetectorContract:
    """The tests. `files` is the path of the detector and that of its case file."""

    def test_documentation_has_every_section(self, files: tuple[Path, Path]) -> None:
        """`labhand rule NAME` has something to print under each title."""
        _documented(_extension("detector", files))

    def test_has_one_method(self, files: tuple[Path, Path]) -> None:
        """`see`; and the optional members of the protocol."""
        public = {name for name in dir(_detector(files)) if not name.startswith("_")}
        assert {"see"} <= public <= {"see", *OPTIONAL}, f"what are {public - OPTIONAL} for?"

    def test_cases_hold(self, files: tuple[Path, Path]) -> None:
        """Each block brings its incidents on their lines, and a healthy one none."""
        name = _extension("detector", files).name
        blocks = cases.parse(files[1].read_text(encoding="utf-8"))
        assert any(case.expected for case in blocks) and not all(c.expected for c in blocks)
        for case in blocks:
            watcher = Watcher(None, None, detectors={name: _class(files)})
            lines: dict[str, int] = {}
            for line, signal in signals_of(case.text):
                for finding in watcher.feed(signal):
                    lines.setdefault(finding.id, line)
            expected = sorted(line for rule, line in case.expected if rule == name)
            assert sorted(lines.values()) == expected, f"line {case.line}: {case.title}"

    def test_takes_whatever_comes(self, files: tuple[Path, Path]) -> None:
        """Nothing raises: values not finite or huge, empty rows, steps and times in any order."""
        for seed in range(20):
            _claims(_class(files), _hostile(seed))

    def test_knows_nothing_of_what_comes_later(self, files: tuple[Path, Path]) -> None:
        """Row for row the same claims, whether or not more rows follow: one instance, one run."""
        detector = _class(files)  # once: what one instance sees is nothing to another
        for signals in _series(files):
            whole = _told(detector, signals)
            for cut in sorted({1, len(signals) // 3, len(signals) // 2, len(signals) - 1}):
                assert _told(detector, signals[:cut]) == whole[:cut]

    def test_claims_are_sentences(self, files: tuple[Path, Path]) -> None:
        """A claim says in one line what is off, and what to do; an alarm is sure of itself."""
        for signals in _series(files):
            for told in (c for claims in _claims(_class(files), signals) for c in claims):
                assert told.message and "\n" not in told.message and told.message[-1] != "."
                assert told.advice and 0 < told.confidence <= 1
                assert told.severity in SEVERITIES and told.state in get_args(State)
                assert not told.alarm or (told.state == "confirmed" and told.severity == "error")

    def test_costs_no_more_the_longer_a_run_lasts(self, files: tuple[Path, Path]) -> None:
        """Function calls a row stay few, late in a run as early."""
        show, rows = _shown(_class(files)), _healthy(3000)
        first = calls(lambda: [show(row) for row in rows[:1000]])
        for row in rows[1000:2000]:
            show(row)
        last = calls(lambda: [show(row) for row in rows[2000:]])
        assert first <= MOST_CALLS * 1000, f"{first / 1000:.0f} calls a row"
        assert last <= 1.5 * first + 1000, f"{first} calls for 1000 rows, then {last}"


class ReaderContract:
    """The tests. `files` is the path of the reader and that of a log which the real tool wrote."""

    def test_documentation_has_every_section(self, files: tuple[Path, Path]) -> None:
        """`labhand rule NAME` has something to print under each title."""
        _documented(_extension("reader", files))

    def test_knows_its_own_and_no_other(self, files: tuple[Path, Path], tmp_path: Path) -> None:
        """It accepts the log by its beginning; not nothing, and not random bytes."""
        reader = _reader(files)
        assert reader.accepts(files[1], head(files[1])) is True
        stranger = tmp_path / "stranger"
        stranger.write_bytes(b"")
        assert reader.accepts(stranger, b"") is False
        for seed in range(50):
            noise = random.Random(seed).randbytes(seed * 40 + 1)
            stranger.write_bytes(noise)
            accepted = reader.accepts(stranger, noise)
            assert accepted is False or (accepted is True and getattr(reader, "fallback", False))

    def test_rows_are_numbers_over_steps(self, files: tuple[Path, Path]) -> None:
        """Each run has rows; each row an integer step and finite or other floats by name."""
        parts = _parts(_reader(files), files[1])
        assert parts and all(rows for _, rows in parts)
        for row in (row for _, rows in parts for row in rows):
            assert type(row.step) is int and type(row.time) in (float, type(None))
            assert all(name and type(value) is float for name, value in row.values.items())

    def test_reading_changes_nothing(self, files: tuple[Path, Path]) -> None:
        """The same again the second time, the log as it was, no file beside it."""
        before = _tree(files[1].parent)
        once = repr(_parts(_reader(files), files[1]))
        assert repr(_parts(_reader(files), files[1])) == once
        assert _tree(files[1].parent) == before

    def test_damage_is_told_in_one_sentence(self, files: tuple[Path, Path], tmp_path: Path) -> None:
        """A log that is cut or spoilt gives what is left of it, or an error made for people."""
        reader = _reader(files)
        if files[1].is_dir():
            return
        whole, generator = files[1].read_bytes(), random.Random(1)
        broken = tmp_path / files[1].name
        for _ in range(12):
            cut = whole[: generator.randrange(len(whole))]
            at = generator.randrange(len(whole))
            for text in (cut, whole[:at] + generator.randbytes(9) + whole[at + 9 :]):
                broken.write_bytes(text)
                try:
                    _parts(reader, broken)
                except LabhandError as error:
                    assert "\n" not in str(error).strip()

    def test_following_gives_the_same_rows(self, files: tuple[Path, Path]) -> None:
        """In pieces of any size, and of what is there so far no row that later proves wrong."""
        reader = _reader(files)
        if not hasattr(reader, "stream"):
            return
        whole = files[1].read_bytes()
        ((_, rows),) = _parts(reader, files[1])
        for size in (1, 7, 64, len(whole)):
            stream, found = reader.stream(), list[Row]()
            for at in range(0, len(whole), size):
                found += stream.feed(whole[at : at + size])
            assert set(_points(found)) <= set(_points(rows))
            assert _points([*found, *stream.close()]) == _points(rows)


def _extension(kind: str, files: tuple[Path, Path]) -> Extension:
    return Extension(KINDS[kind], files[0].stem.replace("_", "-"), "project", str(files[0]))


def _documented(extension: Extension) -> None:
    documentation = cases.documentation(extension)
    assert cases.summary(documentation).endswith("."), "the first line is no sentence"
    assert cases.missing_sections(extension.kind.name, documentation) == []


def _class(files: tuple[Path, Path]) -> type[DetectorProtocol]:
    loaded: type[DetectorProtocol] = _extension("detector", files).load()
    return loaded


def _detector(files: tuple[Path, Path]) -> DetectorProtocol:
    return _class(files)(View())


def _reader(files: tuple[Path, Path]) -> Any:
    reader: ReaderProtocol = _extension("reader", files).load()()
    return reader


def _shown(detector: type[DetectorProtocol]) -> Callable[[Signal], list[Claim]]:
    """Shows a signal to a new instance as a watcher does: the view first, then the detector."""
    view = View()
    see = detector(view).see

    def show(signal: Signal) -> list[Claim]:
        view.take(signal)
        return list(see(signal))

    return show


def _claims(detector: type[DetectorProtocol], signals: Iterable[Signal]) -> list[list[Claim]]:
    return list(map(_shown(detector), signals))


def _told(detector: type[DetectorProtocol], signals: Iterable[Signal]) -> list[bytes]:
    """The claims that each signal brings as text, in which NaN equals itself."""
    return [msgspec.json.encode(claims) for claims in _claims(detector, signals)]


def _series(files: tuple[Path, Path]) -> list[list[Signal]]:
    blocks = cases.parse(files[1].read_text(encoding="utf-8"))
    told = [[signal for _, signal in signals_of(case.text)] for case in blocks]
    return [*told, *(_hostile(seed) for seed in range(5))]


def _healthy(rows: int) -> list[Signal]:
    generator = random.Random(0)
    made: list[Signal] = []
    for step in range(rows):
        values = {name: 1 / (step + 1) + generator.random() for name in _NAMES}
        made.append(Points(_CLOCK + step, "log", step, MappingProxyType(values)))
    return made


def _hostile(seed: int) -> list[Signal]:
    """Signals that nobody would send, in an order that no run has."""
    generator = random.Random(seed)
    made: list[Signal] = []
    for step in range(200):
        time = generator.choice((_CLOCK + step, _CLOCK - step, math.nan, 0.0, 1e300))
        kind, data = generator.choice(_FACTS)
        names = generator.sample(_NAMES, generator.randrange(len(_NAMES)))
        values = {name: generator.choice(_VALUES) for name in names}
        at = generator.choice((*_STEPS, step, step, step))
        row = Points(
            time, generator.choice(_SOURCES), at, MappingProxyType(values), step % 3 or None
        )
        others = (Tick(time), Output(time), Fact(time, kind, MappingProxyType(data)))
        made.append(row if generator.random() < 0.7 else generator.choice(others))
    ended = Ended(math.nan, generator.choice((None, 0, 1, -9, 255)), None, False, "\0\n\x1b[31m\n")
    return [*made, ended, made[0], ended]


def _parts(reader: Any, path: Path) -> list[tuple[str | None, list[Row]]]:
    return [(name, list(singly(pieces))) for name, pieces in reader.parts(path)]


def _points(rows: list[Row]) -> list[tuple[int, str, str]]:
    """The points of the rows: what is in one row of the log may come in several."""
    return sorted((row.step, name, str(v)) for row in rows for name, v in row.values.items())


def _tree(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}
