"""Runs the detectors over data and makes findings of their anomalies."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from labhand.core.errors import NotFoundError
from labhand.core.finding import SEVERITIES, Findings, Skipped
from labhand.core.registry import extensions, load_all
from labhand.scan.anomaly import Anomaly
from labhand.scan.data import CannotLook, Data
from labhand.scan.telling import ranked

if TYPE_CHECKING:
    from labhand.scan.appended import New
    from labhand.scan.asked import Asked, Looker, Said
    from labhand.scan.detectors import DetectorProtocol

MOST_ALIKE = 4
"""Anomalies of one group in one part that are told one by one; more are told as one."""

Progress = Callable[[str, int, int], None]


def scan(
    paths: Sequence[Path],
    splits: Mapping[str, Path] | None = None,
    roles: Mapping[str, str] | None = None,
    *,
    probabilities: Path | None = None,
    embeddings: Path | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    scores: Path | None = None,
    memory: int | None = None,
    workers: int = 1,
    out: Path | None = None,
    home: Path | None = None,
    progress: Progress | None = None,
) -> Findings:
    """What is off in the data. Blocks; writes into `out` (rows, patches) and `scores` alone.

    `roles` maps a role to a column; `memory` is in bytes; `workers` is how many processes look at
    once, with the same findings. Without `out` nothing is written, and findings name the first 1,000
    rows only.

    Raises:
        UsageError: a role names a column that no part has.
        NotFoundError: `select` or `ignore` names no detector.
        InputError: nothing of what is named can be read.
    """
    from labhand.scan.asked import ABOUT, Asked, Looker, divided

    detectors, skipped = chosen(select, ignore, home)
    asked = Asked(
        paths=[str(path) for path in paths],
        splits={name: str(path) for name, path in (splits or {}).items()},
        roles=dict(roles or {}),
        probabilities=_text(probabilities),
        embeddings=_text(embeddings),
        memory=memory,
        thorough=bool(select),
        out=_text(out),
        home=_text(home),
    )
    names = list(detectors)
    tell = _counting(progress, len(names))
    data = None
    if workers > 1:
        findings = _together(divided(asked, names, workers, tell), [ABOUT, *names], skipped)
    else:
        findings, data = _alone(asked, names, skipped, tell, whole=scores is not None)
    if scores is not None:
        from labhand.scan.scoring import write_scores

        findings.skipped += write_scores(data or Looker(asked).data, scores)
    return findings


def _alone(
    asked: "Asked",
    names: list[str],
    skipped: list[Skipped],
    tell: Callable[[str], None],
    *,
    whole: bool,
) -> tuple[Findings, Data]:
    """What this process finds, in the new rows alone where the data has only grown; kept for the next."""
    from labhand.scan.asked import ABOUT, Looker

    new = None if whole else _grown(asked, names)
    looker = Looker(asked) if new is None else _beside(asked, new)
    said = {ABOUT: looker.say(ABOUT)}
    # what did not look at all rows, for their number or what they lack, is not asked again
    for name in [n for n in names if new is None or n in new.state.said.ran]:
        tell(name)
        said[name] = looker.say(name)
    findings = _together(said, [ABOUT, *names], skipped)
    if asked.out is not None:
        from labhand.scan.appended import keep, together

        findings = findings if new is None else together(new, findings, Path(asked.out))
        keep(looker.data, asked, names, findings, new)
    return findings, looker.data


def _grown(asked: "Asked", names: list[str]) -> "New | None":
    """The new rows, where the data has only grown since its last scan and they are all that is asked for."""
    if asked.out is None or asked.probabilities or asked.embeddings:
        return None
    from labhand.scan.appended import grown

    home = None if asked.home is None else Path(asked.home)
    readers = {name: cls() for name, cls in load_all("scan-reader", home)[0].items()}
    return grown(asked, names, readers)


def _beside(asked: "Asked", new: "New") -> "Looker":
    """What looks at the new rows beside some earlier ones; their rows are written apart."""
    from labhand.scan.asked import Looker
    from labhand.scan.opening import Opened

    place = Path(str(asked.out)) / "kept" / "new"
    return Looker(msgspec.structs.replace(asked, out=str(place)), Opened(new.data, []))


def _together(said: "Mapping[str, Said]", order: Sequence[str], skipped: list[Skipped]) -> Findings:
    """What all detectors said, the gravest and surest first, whoever ended first."""
    every = [said[name] for name in order if name in said]
    first, *rest = every
    summary: dict[str, Any] = dict(first.about)
    for one in every:
        for report, lines in one.reports.items():
            summary.setdefault(report, []).extend(lines)
    return Findings(
        findings=ranked([f for one in every for f in one.findings]),
        ran=[name for one in every for name in one.ran],
        skipped=[*first.skipped, *skipped, *(s for one in rest for s in one.skipped)],
        summary=summary,
    )


def _counting(progress: Progress | None, total: int) -> Callable[[str], None]:
    numbers = iter(range(total + 1))

    def tell(name: str) -> None:
        if progress is not None:
            progress(name, min(next(numbers), total - 1), total)

    return tell


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


class Looked:
    """What the detectors said."""

    def __init__(self) -> None:
        self.anomalies: list[tuple[str, Anomaly]] = []
        self.ran: list[str] = []
        self.skipped: list[Skipped] = []


def chosen(
    select: Sequence[str], ignore: Sequence[str], home: Path | None
) -> "tuple[dict[str, DetectorProtocol], list[Skipped]]":
    """The detectors that are asked for, and those that cannot be loaded.

    Raises:
        NotFoundError: a name names none.
    """
    known = [e.name for e in extensions("scan-detector", home)]
    for name in (*select, *ignore):
        if name not in known:
            raise NotFoundError.named("detector", name, known, "labhand rule --list")
    loaded, broken = load_all("scan-detector", home)
    wanted = {
        name: cls()
        for name, cls in loaded.items()
        if (not select or name in select) and name not in ignore
    }
    return wanted, [Skipped(b.extension.name, f"it cannot be loaded: {b.why}") for b in broken]


def look(data: Data, detectors: "Mapping[str, DetectorProtocol]") -> Looked:
    """What these detectors say of the data; one that trips does not stop the others."""
    import polars as pl

    looked = Looked()
    for name, detector in detectors.items():
        whys = [why for need in ("rows", *detector.needs) if (why := data.lacks(need))]
        if whys:
            looked.skipped.append(Skipped(name, whys[0]))
            continue
        try:
            found = list(detector.look(data))
        except CannotLook as error:
            looked.skipped.append(Skipped(name, str(error)))
            continue
        # one detector that trips over odd data must not stop the rest
        except (Exception, pl.exceptions.PanicException) as error:
            why = " ".join(f"it failed: {type(error).__name__}: {error}".split())
            looked.skipped.append(Skipped(name, why[:300]))
            continue
        looked.ran.append(name)
        looked.skipped += [Skipped(name, why) for why in data.not_looked]
        data.not_looked.clear()
        looked.anomalies += [(name, anomaly) for anomaly in _grouped(found)]
    return looked


def _grouped(found: Iterable[Anomaly]) -> list[Anomaly]:
    """Like anomalies of one part told as one, where they are many."""
    alike: dict[tuple[int, str], list[Anomaly]] = {}
    alone: list[Anomaly] = []
    for anomaly in found:
        if anomaly.group:
            alike.setdefault((id(anomaly.part), anomaly.group), []).append(anomaly)
        else:
            alone.append(anomaly)
    for several in alike.values():
        alone += several if len(several) <= MOST_ALIKE else [_one_of(several)]
    return alone


def _one_of(several: Sequence[Anomaly]) -> Anomaly:
    import polars as pl

    first = max(several, key=lambda a: (SEVERITIES.index(a.severity), a.confidence))
    columns = list(dict.fromkeys(c for a in several for c in a.columns))
    frames = [a.found for a in several if a.found is not None]
    found = pl.concat(frames, how="diagonal_relaxed") if frames else None
    return first._replace(
        message=f"{len(columns)} columns ({_some(columns)}) are alike; one of them: {first.message}",
        columns=columns,
        found=None if found is None else found.sort("score", descending=True, maintain_order=True),
        confidence=sum(a.confidence for a in several) / len(several),
        evidence={**first.evidence, "alike": [a.message for a in several[:100]]},
        repair=None,
    )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:3])
    return shown + (", …" if len(names) > 3 else "")
