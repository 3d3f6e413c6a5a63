"""Findings of anomalies: rows, cells, spans and partners, with the full list in a Parquet beside."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from labhand.core.finding import (
    SEVERITIES,
    Finding,
    FindingFix,
    Related,
    Where,
    stable_id,
)
from labhand.kit.verdicts import Verdict, read
from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data
from labhand.scan.patch import patch_text, refused

MOST_ROWS = 1000
"""Rows that a finding names itself; the full list stands in a file."""
NEARLY_ALL = 0.9
"""A claim about more of the rows than this is one about the data."""
ENOUGH = 3
"""Verdicts on a rule from which on they count for findings that nobody judged."""
MOST_PAIRS = 20
"""Partner rows that are told one by one."""


class Verdicts:
    """What a person said of earlier findings: those that were fine, and their like, count for less."""

    def __init__(self, said: Sequence[Verdict]) -> None:
        self._said = {verdict.finding: verdict.answer for verdict in said}
        self._rules: dict[str, list[bool]] = {}
        for verdict in said:
            self._rules.setdefault(verdict.rule, []).append(verdict.answer == "real")

    @classmethod
    def of(cls, home: Path | None) -> "Verdicts":
        """The verdicts on findings of scan that are remembered in a labhand home."""
        return cls([v for v in read(home) if v.job == "scan"] if home is not None else [])

    def weighed(self, finding: Finding) -> Finding:
        """The finding: a note where a person said that it is fine; less sure where most like it were."""
        right = self._rules.get(finding.rule, [])
        if self._said.get(finding.id) == "fine":
            finding.severity = "note"
            finding.confidence = min(finding.confidence, 0.1)
            finding.evidence["verdict"] = "a person said that this is fine"
        elif self._said.get(finding.id) is None and len(right) >= ENOUGH:
            share = (sum(right) + 1) / (len(right) + 1)
            finding.confidence = round(finding.confidence * share, 3)
            finding.evidence["verdicts"] = f"{sum(right)} of {len(right)} like it were real"
            if share < 0.5 and finding.severity == "warning":
                finding.severity = "note"
        return finding


def told(
    data: Data, anomalies: Iterable[tuple[str, Anomaly]], out: Path | None, verdicts: Verdicts
) -> list[Finding]:
    """The findings, in their order, each with an id of its own; writes the full lists of rows into `out`."""
    given: Counter[str] = Counter()
    findings = []
    for rule, anomaly in anomalies:
        identity = _identity(rule, anomaly)
        given[identity] += 1
        # Two claims of a rule about the same columns must not write over each other's rows.
        if given[identity] > 1:
            identity = stable_id(identity, given[identity])
        findings.append(verdicts.weighed(_finding(data, identity, rule, anomaly, out)))
    return findings


def _identity(rule: str, anomaly: Anomaly) -> str:
    part = anomaly.part
    return stable_id("scan", rule, part.path, part.split, *anomaly.columns, anomaly.group)


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, the gravest and surest first."""
    return sorted(findings, key=_rank, reverse=True)


def _rank(finding: Finding) -> tuple[int, float, int]:
    total = finding.where.rows_total
    rows = total if isinstance(total, int) else 0
    return SEVERITIES.index(finding.severity), round(finding.confidence, 2), rows


def _finding(data: Data, identity: str, rule: str, anomaly: Anomaly, out: Path | None) -> Finding:
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
        told = ["row", "column", "turn", "start", "end"]
        where.spans = top.select(c for c in told if c in top.columns).to_dicts()
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
    """How many of the rows are likely fine, by the confidence of each, or of the whole.

    0 where nearly all rows are named: then it is said of the data, and of no row.
    """
    found = anomaly.found
    if found is not None and "confidence" in found.columns:
        return round(float((1 - found["confidence"]).sum()))
    return round(total * (1 - anomaly.confidence)) if total < NEARLY_ALL * anomaly.part.rows else 0


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
