"""Runs the detectors over data and makes findings of their anomalies."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labhand.core.errors import NotFoundError
from labhand.core.finding import SEVERITIES, Findings, Skipped
from labhand.core.registry import extensions, load_all
from labhand.scan import outputs
from labhand.scan.anomaly import Anomaly
from labhand.scan.data import CannotLook, Data
from labhand.scan.opening import open_data
from labhand.scan.telling import Verdicts, told

if TYPE_CHECKING:
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
    out: Path | None = None,
    home: Path | None = None,
    progress: Progress | None = None,
) -> Findings:
    """What is off in the data. Blocks; writes into `out` (rows, patches) and `scores` alone.

    `roles` maps a role to a column; `memory` is in bytes. Without `out` nothing is written, and
    findings name the first 1,000 rows only.

    Raises:
        UsageError: a role names a column that no part has.
        NotFoundError: `select` or `ignore` names no detector.
        InputError: nothing of what is named can be read.
    """
    detectors, skipped = chosen(select, ignore, home)
    opened = open_data(
        paths,
        splits,
        roles,
        probabilities=probabilities,
        embeddings=embeddings,
        memory=memory,
        thorough=bool(select),
        home=home,
    )
    looked = look(opened.data, detectors, progress)
    if scores is not None:
        from labhand.scan.scoring import write_scores

        skipped += write_scores(opened.data, scores)
    return Findings(
        findings=told(opened.data, looked.anomalies, out, Verdicts.of(home)),
        ran=looked.ran,
        skipped=[*opened.skipped, *skipped, *looked.skipped],
        summary=_summary(opened.data),
    )


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


def look(
    data: Data, detectors: "Mapping[str, DetectorProtocol]", progress: Progress | None = None
) -> Looked:
    """What these detectors say of the data; one that trips does not stop the others."""
    import polars as pl

    looked = Looked()
    for number, (name, detector) in enumerate(detectors.items()):
        if progress is not None:
            progress(name, number, len(detectors))
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


def _summary(data: Data) -> dict[str, Any]:
    return {
        "rows": sum(part.rows for part in data.parts),
        "parts": [
            {"path": p.path, "split": p.split, "rows": p.rows, "columns": len(p.names)}
            for p in data.parts
        ],
        "roles": outputs.roles(data) | data.roles,
        **data.reports,
    }
