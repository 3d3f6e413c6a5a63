"""Whether a fix left the science alone: settings, data order, parameters and first loss, compared."""

import math
import re
from pathlib import Path
from typing import Any

import msgspec

from labhand.core import event
from labhand.core.errors import LabhandError
from labhand.core.run import Fix
from labhand.kit.patterns import pattern

_SURROUNDINGS = pattern(
    r"(?:^|[._-])(?:port|host|addr|address|url|uri|device|accelerator|cuda|gpus?|cpu|rank|local_rank|resume\w*|restore\w*"
    r"|ckpt\w*|checkpoint\w*|path|dir|folder|file|root|out|output|name|id|date|time|timestamp|log\w*|tracker|wandb|mode|pid)"
    r"(?:$|[._-])|(?:_|^)(?:dir|path|file|port|name|id|device|time)s?$",
    re.I,
)
"""Settings of where and by what a training runs, rather than of what it computes."""
_SEED = pattern(r"(?:^|_)seed$|^random_state$", re.I)
_SEEDS = pattern(
    r"\bseed(?:_everything|_all)?\s*\(|\bmanual_seed\w*\(|default_rng\(\s*[\w.\[]|RandomState\(\s*[\w.\[]|set_seed\("
    r"|random_state\s*=\s*[\w.\[]|Random\(\s*[\w.\[]|PRNGKey\("
)
_LOSS = pattern(
    r"(?:^|[/_.\- ])(?:loss|nll|perplexity|ppl|cost|error|mse|rmse|mae)(?:$|[/_.\- ])", re.I
)
_ORDER = ("batch/mean", "batch/std")
_ALIKE = 1e-3
"""Relative difference below which two first losses are the same: printed values are rounded."""
_GO_ON = ("killed", "corrupt-checkpoint", "collective-timeout", "hang")
"""Failures after which a run goes on from a later step: its first loss is another one."""


_NOT_YET = ("bad-arguments",)
"""Failures before the settings were resolved: those of the failed attempt are none."""


class Science(msgspec.Struct):
    """What an attempt told of the science so far. Empty where it told nothing."""

    settings: dict[str, Any] = {}
    loader: dict[str, Any] = {}
    held: int | None = None
    first: dict[str, tuple[int, float]] = {}


def science(run_dir: Path, number: int, settings: dict[str, Any]) -> Science:
    """What attempt `number` has told so far. Reads its events and its points."""
    told = Science(settings=dict(settings))
    folder = run_dir / "attempts" / str(number)
    for file in sorted(folder.glob("events.*.jsonl")):
        for happened in event.read_from(file, {}):
            if happened.kind == "loader" and not told.loader:
                told.loader = {k: happened.data.get(k) for k in ("batches", "rows", "sampler")}
            elif happened.kind == "reach" and told.held is None:
                told.held = happened.data.get("held")
    told.first = _first(run_dir, number)
    return told


def _first(run_dir: Path, number: int) -> dict[str, tuple[int, float]]:
    """The first value, with its step, of each loss and of what batches held."""
    from labhand.kit import points

    found: dict[str, tuple[int, float]] = {}
    for name in points.names(run_dir):
        if not (_LOSS.search(name) or name.endswith(_ORDER)):
            continue
        try:
            series = points.series(run_dir, name)
        except LabhandError:
            continue
        mine = series.attempt == number
        if mine.any():
            found[name] = (int(series.steps[mine][0]), float(series.values[mine][0]))
    return found


def seeded(texts: list[str]) -> bool:
    """Whether any of the source texts seeds its random numbers."""
    return any(_SEEDS.search(text) for text in texts)


def difference(before: Science, after: Science, fix: Fix, *, seeds: bool) -> str | None:
    """What of the science is not as it was, in words; None where all that both have is the same.

    Without `seeds` losses and batches differ by themselves and are not compared.
    """
    both = set(before.settings) & set(after.settings) if fix.kind not in _NOT_YET else ()
    for name in sorted(both):
        one, other = before.settings[name], after.settings[name]
        told = str(other) in fix.patch
        if one != other and not _SURROUNDINGS.search(name) and (told or not _SEED.search(name)):
            return f"the setting {name} is {other!r} and was {one!r}"
    for name, one in before.loader.items():
        if after.loader and after.loader.get(name) != one:
            return f"the data loader has other {name}: {after.loader.get(name)} and not {one}"
    if before.held is not None and after.held is not None and before.held != after.held:
        return f"the optimizer holds {after.held} parameters and held {before.held}"
    if not seeds or fix.kind in _GO_ON:
        return None
    for name in sorted(set(before.first) & set(after.first)):
        (step, one), (at, other) = before.first[name], after.first[name]
        if step == at and not _alike(one, other):
            what = "the batches" if name.endswith(_ORDER) else f"the first {name}"
            return f"{what} changed: {other:.6g} at step {step} and not {one:.6g}"
    return None


def settled(before: Science, after: Science) -> bool:
    """Whether all that the earlier attempt told has been told again, so that nothing more can differ."""
    return set(before.first) <= set(after.first) and bool(before.first)


def _alike(one: float, other: float) -> bool:
    return (
        one == other
        or (math.isnan(one) and math.isnan(other))
        or math.isclose(one, other, rel_tol=_ALIKE)
    )
