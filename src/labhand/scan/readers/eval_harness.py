"""What lm-evaluation-harness writes: `samples_*.jsonl`, a row a sample, and `results_*.json`, a row a metric.

Columns of samples: `item`, `filter`, `prompt`, `target`, `output` (what the model said, or the choice it
found likeliest), `filtered` (what the filter took from it) and one `score/<metric>` a metric; of results: `task`,
`metric`, `filter`, `score`, `stderr`, `n`. Facts: `holds` says `runs`.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labhand.core.errors import InputError
from labhand.scan.readers import Table
from labhand.scan.readers.json import framed

_APART = frozenset(
    "doc_id doc target arguments resps filtered_resps filter metrics doc_hash prompt_hash target_hash".split()
)


class Reader:
    """Reads the samples and the results of lm-evaluation-harness."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether the file holds samples with `doc_id` and `resps`, or results by task."""
        suffix = path.suffix.lower()
        if suffix in (".jsonl", ".json") and b'"doc_id"' in head and b'resps"' in head:
            return True
        is_results = re.search(rb'"results"\s*:\s*\{', head) is not None
        return (
            suffix == ".json"
            and is_results
            and re.search(rb',none"|"acc"|"alias"', head) is not None
        )

    def tables(self, path: Path) -> Iterator[Table]:
        """One table of samples, or of metrics."""
        text = path.read_text(encoding="utf-8", errors="replace")
        try:
            whole = json.loads(text)
        except ValueError:
            whole = None
        if isinstance(whole, dict) and isinstance(whole.get("results"), dict):
            rows, bad = list(_metrics(whole)), 0
        else:
            items, bad = (whole, 0) if isinstance(whole, list) else _lines(text)
            rows = [_sample(i) for i in items if isinstance(i, dict)]
        if not rows:
            raise InputError(
                f"{path} holds no sample and no result; the evaluation may have failed early"
            )
        told = (f"{bad} lines are no JSON; they were left out",) if bad else ()
        yield Table(framed(rows), troubles=told, facts={"holds": ("runs",)})


def _lines(text: str) -> tuple[list[Any], int]:
    made, bad = [], 0
    for line in text.splitlines():
        if line.strip():
            try:
                made.append(json.loads(line))
            except ValueError:
                bad += 1
    return made, bad


def _sample(told: dict[str, Any]) -> dict[str, Any]:
    responses, kept = told.get("resps") or [], told.get("filtered_resps") or []
    row = {
        "item": str(told.get("doc_id")),
        "filter": told.get("filter"),
        "prompt": _prompt(told.get("arguments")),
        "target": _words(told.get("target")),
        "output": _likeliest(kept) if _is_choice(responses) else _words(_first(responses)),
    }
    if kept and not _is_choice(responses):
        row["filtered_answer"] = _words(_first(kept))
    named = told.get("metrics") if isinstance(told.get("metrics"), list) else None
    for name, value in told.items():
        is_score = isinstance(value, int | float) and name not in _APART
        if is_score and (named is None or name in named):
            row[f"score/{name}"] = value
    return {k: v for k, v in row.items() if v is not None}


def _is_choice(responses: Any) -> bool:
    """Whether answers were not written but weighed: pairs of a log likelihood and whether it is greedy."""
    one = _first(responses)
    return isinstance(one, list) and len(one) == 2 and _is_number(one[0])


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _likeliest(kept: list[Any]) -> str | None:
    weights = [float(k[0]) for k in kept if isinstance(k, list) and k and _is_number(k[0])]
    return str(weights.index(max(weights))) if len(weights) > 1 else None


def _first(value: Any) -> Any:
    while isinstance(value, list) and value and not (len(value) == 2 and _is_number(value[0])):
        value = value[0]
    return value


def _prompt(arguments: Any) -> str | None:
    """The text that the model was given, in the old form (pairs) and the new (`gen_args_0`)."""
    if isinstance(arguments, dict):
        arguments = next(iter(arguments.values()), None)
    if isinstance(arguments, dict):
        arguments = arguments.get("arg_0", next(iter(arguments.values()), None))
    while isinstance(arguments, list) and arguments:
        arguments = arguments[0]
    return _words(arguments)


def _words(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _metrics(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    model = whole.get("model_name") or (whole.get("config") or {}).get("model")
    counts = whole.get("n-samples") or {}
    for task, told in whole["results"].items():
        for key, value in told.items() if isinstance(told, dict) else ():
            metric, _, name = key.partition(",")
            if (
                not isinstance(value, int | float)
                or metric.endswith("_stderr")
                or metric == "alias"
            ):
                continue
            number = counts.get(task)
            yield {
                "model": model,
                "task": task,
                "metric": metric,
                "filter": name or None,
                "score": float(value),
                "stderr": told.get(f"{metric}_stderr,{name}"),
                "n": number.get("effective") if isinstance(number, dict) else None,
            }
