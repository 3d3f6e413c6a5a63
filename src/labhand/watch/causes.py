"""Why a loss went wrong: candidates with their evidence, and what could not be looked at."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from labhand.watch.incidents import Cause
from labhand.watch.tracks import Track, median
from labhand.watch.view import Before, View

MOST = 5
"""Candidates that are told."""
RUNS = 5
"""Earlier runs that are asked, the latest first."""
JUMP = 3.0
"""A learning rate that is so many times the one before has jumped."""
OTHER_DATA = "the training data changed, or how they are prepared"
LEAD = 3.0
"""A gradient norm that is so many times its usual before the loss has risen went ahead of it."""
LARGE = 5.0
"""A gradient norm or a loss is large at so many times what is usual."""
RISEN = 1.5
"""An earlier run has the same rise where its loss there is so many times what it was before."""
BY_CONSEQUENCE = (
    "lr learning_rate precision dtype fp16 bf16 amp batch clip warmup loss_scale optim eps beta decay "
    "seed data label"
).split()
"""What the names of settings hold that bear on a loss, the likeliest first."""

Found = Cause | str | None
"""A candidate; a sentence on what could not be looked at; None: looked at, and nothing there."""


def causes_of(
    view: View, step: int, looks: Sequence[Callable[[View, int], Found]] = ()
) -> tuple[list[Cause], list[str]]:
    """The candidates for what began at `step`, the likeliest first, and what could not be checked.

    By these `looks`: without any, those for what went wrong some time.
    """
    found = [look(view, step) for look in looks or WENT_WRONG]
    causes = sorted((f for f in found if isinstance(f, Cause)), key=lambda c: -c.confidence)
    return causes[:MOST], [f for f in found if isinstance(f, str)]


def _around(track: Track, step: int) -> tuple[list[float], list[tuple[int, float]]] | None:
    """The values before a step, and the points from it on; None where they are no longer kept."""
    before = [value for at, value in track.recent if at < step]
    if not before:
        return None
    return before, [point for point in track.recent if point[0] >= step]


def _rate_jumped(view: View, step: int) -> Found:
    tracks = view.having("learning-rate")
    if not tracks:
        return "no learning rate is logged"
    for track in tracks:
        points = [point for point in track.recent if point[0] <= step]
        if len(points) < 2:
            return "the learning rates of that time are no longer kept"
        for (_, a), (at, b) in reversed(list(itertools.pairwise(points))):
            if a > 0 and b >= JUMP * a:
                return Cause(
                    "the learning rate jumped",
                    0.85,
                    f"`{track.name}` went from {a:.3g} to {b:.3g} at step {at}, {step - at} steps before",
                )
    return None


def _rate_is_high(view: View, step: int) -> Found:
    for track in view.having("learning-rate"):
        points = [value for at, value in track.recent if at <= step]
        if not points or points[-1] <= 0:
            continue
        if points[-1] >= 0.9 * track.highest > 0:
            rising = points[-1] > 1.02 * points[0]
            how = "still in its warm-up" if rising else "at its highest"
            return Cause(
                "the learning rate is too high for these weights",
                0.5 if rising else 0.45,
                f"`{track.name}` was {how}: {points[-1]:.3g}",
            )
    return None


def _gradient_led(view: View, step: int) -> Found:
    tracks = view.having("gradient-norm")
    if not tracks:
        return "no gradient norm is logged"
    kept = _around(tracks[0], step)
    if kept is None or len(kept[0]) < 3:
        return "the gradient norms of that time are no longer kept"
    track, (before, after) = tracks[0], kept
    usual = median(before)
    lead = len(list(itertools.takewhile(lambda v: v > LEAD * usual > 0, reversed(before))))
    if 0 < lead < len(before):
        return Cause(
            "the updates became too large before the loss did",
            0.65,
            f"`{track.name}` was {max(before[-lead:]) / usual:.3g} times its usual {usual:.3g}, from "
            f"{lead} row{'s' if lead > 1 else ''} before",
        )
    if any(track.bad for track in tracks):
        return Cause(
            "the gradient was not finite",
            0.6,
            f"`{track.name}` was not finite in {track.bad} rows",
        )
    largest = max((v for _, v in after[:5]), default=0.0)
    if largest > LARGE * usual > 0:
        return Cause(
            "the updates became too large",
            0.45,
            f"`{track.name}` rose with the loss, to {largest / usual:.3g} times its usual {usual:.3g}",
        )
    return None


class Moved(NamedTuple):
    """The layer that left its usual most when the loss did: `times` its usual, at `step`, by `metric`."""

    layer: str
    metric: str
    times: float
    step: int


def moved_most(view: View, step: int) -> Moved | None:
    """The layer whose weights or gradients left their usual most about a step; None where none did.

    By the probe's looks at the layers, of which the first two since the step count.
    """
    found = []
    for track in view.tracks.values():
        if not track.name.startswith("layer/") or not track.name.endswith(
            ("/update", "/grad_norm")
        ):
            continue
        kept = _around(track, step)
        if kept is None or len(kept[0]) < 3 or not kept[1] or median(kept[0]) <= 0:
            continue
        at, value = max(kept[1][:2], key=lambda point: point[1])
        layer = track.name.split("/", 1)[1].rsplit("/", 1)[0]
        found.append(Moved(layer, track.name, value / median(kept[0]), at))
    most = max(found, key=lambda moved: moved.times, default=None)
    return most if most is not None and most.times > LARGE else None


def _layer_moved(view: View, step: int) -> Found:
    moved = moved_most(view, step)
    if moved is not None:
        return Cause(
            f"`{moved.layer}` left its usual most of all layers",
            0.4,
            f"`{moved.metric}` was {moved.times:.3g} times its usual at step {moved.step}",
        )
    seen = any(name.startswith("layer/") for name in view.tracks)
    return None if seen else "which layer moved: that needs the probe's look at the layers"


def _one_batch(view: View, step: int) -> Found:
    loss = view.course.loss
    kept = None if loss is None else _around(loss, step)
    if loss is None or kept is None or len(kept[0]) < 5:
        return None
    before, after = kept
    usual = median(before[-11:])
    moves = [abs(b - a) for a, b in itertools.pairwise(before)]
    for at, value in after[:3]:
        if value - usual > 10 * (median(moves) or abs(usual) / 100) and value > RISEN * abs(usual):
            return Cause(
                "a single batch spoilt the weights",
                0.5,
                f"`{loss.name}` jumped from about {usual:.4g} to {value:.4g} at step {at}, from one row "
                "to the next",
            )
    return None


def _same_data(view: View, step: int) -> Found:
    loss = view.course.loss
    if loss is None or not view.earlier:
        return "there is no earlier run to compare with"
    rose, passed = [], 0
    for run in view.earlier[:RUNS]:
        here = _rose(run.curve(loss.name), step)
        if here:
            rose.append(run.name)
        passed += here is False
    if rose:
        return Cause(
            "the data of that step: the order is the same in other runs",
            0.8 if len(rose) > passed else 0.4,
            f"{', '.join(f'`{name}`' for name in rose)} rose at the same step"
            + (f"; {passed} others did not" if passed else ""),
        )
    return None if passed else "no earlier run can be compared at this step"


def _rose(curve: Sequence[tuple[int, float]], step: int) -> bool | None:
    """Whether a curve rises at a step; None where it does not reach it."""
    places = [i for i, (at, _) in enumerate(curve) if at >= step]
    if not places or places[0] < 5:
        return None
    first = places[0]
    before = median([value for _, value in curve[max(0, first - 11) : first]])
    here = max(value for _, value in curve[first : first + 4])
    return here > RISEN * before > 0


def other_settings(view: View, step: int) -> Found:
    """Another setting than that of the latest run of the command that went well."""
    fine = next((run for run in view.earlier if run.fine), None)
    if fine is None or not fine.config or not view.config:
        return "there is no earlier run that went well whose settings are known"
    keys = differing(view.config, fine)
    if not keys:
        return f"the settings are those of `{fine.name}`, which went well"
    rank = min((i for i, word in enumerate(BY_CONSEQUENCE) if word in keys[0].lower()), default=99)
    other = [f"`{key}` {fine.config[key]} and not {view.config.get(key)}" for key in keys]
    return Cause(
        f"another setting than the latest run that went well: `{keys[0]}`",
        0.7 if rank < len(BY_CONSEQUENCE) else 0.35,
        f"`{fine.name}` had {', '.join(other[:3])}" + (", …" if len(other) > 3 else ""),
    )


def differing(config: Mapping[str, Any], run: Before) -> list[str]:
    """The settings of an earlier run that are others now, those first that bear on a loss."""

    def weight(key: str) -> int:
        name = key.lower()
        return min((i for i, word in enumerate(BY_CONSEQUENCE) if word in name), default=99)

    return sorted((k for k in run.config if run.config[k] != config.get(k)), key=weight)


def _began_anew(view: View, step: int) -> Found:
    course = view.course
    if course.loss is None:
        return None
    if course.went_back is not None:
        left, back = course.went_back
        return Cause(
            "it was resumed from an earlier state",
            0.55 if abs(back - step) < abs(left - back) + 1 else 0.3,
            f"the steps went back from {left} to {back}",
        )
    first, points = course.loss.first, list(course.loss.recent)
    place = next((i for i, (at, _) in enumerate(points) if at >= step), len(points))
    for (_, before), (at, after) in itertools.pairwise(points[max(0, place - 1) : place + 3]):
        if abs(after - first) < 0.07 * abs(first) and before < 0.5 * first:
            return Cause(
                "the training began anew from its first weights",
                0.75,
                f"`{course.loss.name}` is {after:.4g} at step {at}, as at its very first: {first:.4g}",
            )
    return None


def _precision(view: View, step: int) -> Found:
    for track in view.tracks.values():
        name = track.name.lower()
        if (
            "scale" in name
            and "loss" in name
            and track.count > 2
            and track.last < track.highest / 8
        ):
            return Cause(
                "16-bit floats overflow",
                0.55,
                f"`{track.name}` has fallen from {track.highest:.6g} to {track.last:.6g}",
            )
    half = [k for k, v in view.config.items() if v and "16" in k + str(v) and _is_precision(k)]
    if half:
        return Cause(
            "16-bit floats overflow", 0.25, f"the settings say `{half[0]}` {view.config[half[0]]}"
        )
    return None


def _is_precision(key: str) -> bool:
    return any(word in key.lower() for word in ("precision", "dtype", "fp16", "half", "amp"))


def _validation_with_it(view: View, step: int) -> Found:
    asked = [e for e in view.course.held.values() if e.step >= step and e.lost == e.lost]
    if asked and all(e.lost < 0.1 for e in asked):
        return Cause(
            OTHER_DATA,
            0.4,
            f"`{asked[0].name}` is as good as before: the weights are not to blame",
        )
    return None


def uncleared(view: View, step: int) -> Found:
    """Gradients that are added up from step to step, by the probe."""
    if not view.uncleared:
        return None
    return Cause(
        "gradients are never set to zero (`optimizer.zero_grad()`): each step goes along the sum of all so far",
        0.95,
        f"in all of the first {view.uncleared} steps that were looked at the gradient of the step before was still "
        "there",
    )


WENT_WRONG: tuple[Callable[[View, int], Found], ...] = (
    uncleared,
    _rate_jumped,
    _rate_is_high,
    _gradient_led,
    _layer_moved,
    _one_batch,
    _same_data,
    other_settings,
    _began_anew,
    _precision,
    _validation_with_it,
)
