"""Findings of anomalies: rows, cells, spans and partners, with the full list in a Parquet beside."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from labhand.core.finding import (
    SEVERITIES,
    Finding,
    FindingFix,
    Related,
    Where,
    stable_id,
)
from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data
from labhand.scan.patch import patch_text, refused

if TYPE_CHECKING:
    pass

MOST_ROWS = 1000
"""Rows that a finding names itself; the full list stands in a file."""
MOST_PAIRS = 20
"""Partner rows that are told one by one."""


class Verdicts:
    """What a person said of earlier findings: those that were no issue are told more softly."""

    def __init__(self, settled: Mapping[str, bool]) -> None:
        self._settled = settled

    @classmethod
    def of(cls, home: Path | None) -> "Verdicts":
        """The verdicts that are remembered in a labhand home; none where it has none."""
        return cls({})

    def softened(self, finding: Finding) -> Finding:
        """The finding, as a note of little confidence where a person said it is no issue."""
        if self._settled.get(finding.id) is not False:
            return finding
        finding.severity = "note"
        finding.confidence = min(finding.confidence, 0.1)
        finding.evidence["verdict"] = "a person said that this is no issue"
        return finding


def told(
    data: Data, anomalies: Iterable[tuple[str, Anomaly]], out: Path | None, verdicts: Verdicts
) -> list[Finding]:
    """The findings, the gravest and surest first; writes the full lists of rows into `out`."""
    findings = [_finding(data, rule, anomaly, out) for rule, anomaly in anomalies]
    return sorted((verdicts.softened(f) for f in findings), key=_rank, reverse=True)


def _rank(finding: Finding) -> tuple[int, float, int]:
    total = finding.where.rows_total
    rows = total if isinstance(total, int) else 0
    return SEVERITIES.index(finding.severity), round(finding.confidence, 2), rows


def _finding(data: Data, rule: str, anomaly: Anomaly, out: Path | None) -> Finding:
    part = anomaly.part
    identity = stable_id("scan", rule, part.path, part.split, *anomaly.columns, anomaly.group)
    where = _where(anomaly, identity, rule, out)
    evidence = dict(anomaly.evidence)
    if anomaly.normal:
        evidence["normal"] = anomaly.normal
    total = where.rows_total if isinstance(where.rows_total, int) else 0
    if total:
        evidence["likely_fine"] = _likely_fine(anomaly, total)
    fix, why_not = _fix(data, anomaly, identity, out)
    if why_not:
        evidence["fix_refused"] = why_not
    return Finding(
        id=identity,
        job="scan",
        rule=rule,
        severity=anomaly.severity,
        confidence=round(min(1.0, max(0.0, anomaly.confidence)), 3),
        message=anomaly.message,
        where=where,
        evidence=evidence,
        related=_partners(data, anomaly),
        advice=anomaly.advice,
        fix=fix,
    )


def _where(anomaly: Anomaly, identity: str, rule: str, out: Path | None) -> Where:
    import polars as pl

    part = anomaly.part
    where = Where(path=part.path, split=part.split, columns=list(anomaly.columns))
    where.rows, where.rows_total, where.rows_file = [], 0, None
    found = anomaly.found
    if found is None:
        return where
    rows = found["row"].unique(maintain_order=True)
    where.rows, where.rows_total = rows.head(MOST_ROWS).to_list(), len(rows)
    top = found.filter(pl.col("row").is_in(rows.head(MOST_ROWS).implode())).head(MOST_ROWS)
    if "start" in top.columns:
        where.spans = top.select("row", "column", "start", "end").to_dicts()
    elif "value" in top.columns:
        where.cells = top.select("row", "column", "value").to_dicts()
    if out is not None and len(rows):
        out.mkdir(parents=True, exist_ok=True)
        path = out / f"{rule}-{identity}.parquet"
        first = ["row", "score"]
        found.select(*first, *(c for c in found.columns if c not in first)).write_parquet(path)
        where.rows_file = str(path)
    return where


def _likely_fine(anomaly: Anomaly, total: int) -> int:
    """How many of the rows are likely fine, by the confidence of each, or of the whole."""
    found = anomaly.found
    if found is not None and "confidence" in found.columns:
        return round(float((1 - found["confidence"]).sum()))
    return round(total * (1 - anomaly.confidence))


def _partners(data: Data, anomaly: Anomaly) -> list[Related]:
    found = anomaly.found
    if found is None or "partner" not in found.columns:
        return []
    names = found["partner_part"] if "partner_part" in found.columns else None
    related = []
    for at in range(min(MOST_PAIRS, len(found))):
        row, partner = found["row"][at], found["partner"][at]
        if partner is None:
            continue
        name = anomaly.part.name if names is None else names[at]
        other = next((p for p in data.parts if p.name == name), anomaly.part)
        place = "" if other is anomaly.part else f" of {other.name}"
        where = Where(path=other.path, split=other.split, rows=[int(partner)], rows_total=1)
        related.append(Related(f"row {row} goes with row {partner}{place}", where))
    return related


def _fix(
    data: Data, anomaly: Anomaly, identity: str, out: Path | None
) -> tuple[FindingFix | None, str | None]:
    if anomaly.repair is None or not len(anomaly.repair.operations):
        return None, None
    if why := refused(data, anomaly.part, anomaly.repair.operations):
        return None, why
    text = patch_text(anomaly.part, anomaly.repair)
    patch = text
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        path = out / f"{identity}.patch.jsonl"
        path.write_text(text, encoding="utf-8")
        patch = str(path)
    return FindingFix(anomaly.repair.safety, anomaly.repair.summary, patch), None
