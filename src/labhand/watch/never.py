"""Why nothing was learned since the start: candidates with their evidence."""

import math
from collections.abc import Callable

from labhand.watch.causes import Found, other_settings, uncleared
from labhand.watch.incidents import Cause
from labhand.watch.view import View

FAR = 100.0
"""Targets of a regression that are so large are far from what a net gives at its start."""
WARMING = 0.3
"""A rate that began below this share of what it is now has been warmed up."""
WENT_UP = 0.26
"""A loss that is so far above its first value, in its logarithm, went up instead of down."""
DEAD, ALIVE = 0.95, 0.5
"""The share of units without a gradient from which on a layer lets nothing through, and below which it does."""
FEW_CLASSES, FEW_LOOKS = 0.5, 4
"""Batches that hold no more than this share of the classes, and looks that must all have shown it."""


def _no_rate(view: View, step: int) -> Found:
    tracks = view.having("learning-rate")
    if not tracks:
        return "no learning rate is logged"
    if all(track.highest == 0 for track in tracks):
        return Cause(
            "the learning rate is 0",
            0.95,
            f"`{tracks[0].name}` has been 0 at all {tracks[0].count} rows",
        )
    if all(0 < track.highest < 1e-7 for track in tracks):
        return Cause(
            "the learning rate is next to nothing", 0.7,
            f"`{tracks[0].name}` has never been above {tracks[0].highest:.3g}",
        )  # fmt: skip
    return None


def _no_gradient(view: View, step: int) -> Found:
    tracks = view.having("gradient-norm")
    if not tracks:
        return "no gradient norm is logged"
    if all(track.count > 2 and track.highest == 0 for track in tracks):
        return Cause(
            "no gradient reaches the weights", 0.9, f"`{tracks[0].name}` has been 0 at every row"
        )
    return None


def _rate_too_high(view: View, step: int) -> Found:
    levels = view.course.levels
    if len(levels.blocks) < 4 or levels.raw:
        return None
    began, highest = levels.scaled(levels.first), max(levels.blocks)
    now = f"{levels.plain(levels.blocks[-1]):.4g} after {levels.first:.4g}"
    if min(levels.blocks[-3:]) > began + 0.02:
        told = f"the loss is above where it began: {now}"
    elif highest > began + WENT_UP and min(levels.blocks) > began - WENT_UP / 2:
        told = f"the loss went up to {levels.plain(highest):.4g} first, and is {now}"
    else:
        return None
    return Cause("the learning rate is too high", 0.6, told)


def _frequencies(view: View, step: int) -> Found:
    """A loss that fell at once and never since has learned how often each answer is right, and no more."""
    blocks = view.course.levels.blocks
    if len(blocks) < 8 or view.course.levels.raw:
        return None
    early, fallen = blocks[len(blocks) // 4], view.course.levels.start - blocks[len(blocks) // 4]
    if fallen > 0.2 and early - min(blocks) < 0.25 * fallen:
        return Cause(
            "only the frequencies of the answers are learned: inputs and labels do not belong together, "
            "or the inputs say nothing",
            0.5,
            f"the loss fell to {view.course.levels.plain(early):.4g} within its first quarter, and hardly "
            "since",
        )
    return None


def _labels(view: View, step: int) -> Found:
    return Cause(
        "the labels do not belong to the inputs, or what is optimised is not what is trained",
        0.3,
        "nothing that is measured has got better since the first step",
    )


def _decay(view: View, step: int) -> Found:
    data = view.hindered.get("decay")
    if data is None:
        return None
    name, decay, rate = data.get("optimizer"), data.get("weight_decay", 0.0), data.get("lr", 0.0)
    told = (
        f"in each step `{name}` takes {data['share']:.2g} of every weight away: lr {rate:.3g} × weight_decay {decay:.3g}"
        if data.get("share")
        else f"`{name}`'s weight_decay of {decay:.3g} pulls the weights to 0 {data.get('pull', 0):.2g} times as hard as the loss"
    )
    return Cause("the weight decay is far too large", 0.95, told)


def _dropout(view: View, step: int) -> Found:
    data = view.hindered.get("dropout")
    if data is None:
        return None
    return Cause(
        "a dropout that leaves next to nothing: its number is the share that is dropped, not the one that is kept",
        0.85,
        f"`{data.get('layer')}` drops {data.get('p', 1.0):.0%} of what goes through it",
    )


def constant_inputs(view: View, step: int) -> Found:
    """Inputs that are one number throughout, by the probe."""
    data = view.hindered.get("inputs")
    if data is None:
        return None
    return Cause(
        f"inputs that are all {data.get('value', 0):.4g}: they are lost before they reach the model, as in a division "
        "of integers",
        0.95,
        f"so in all of the first {data.get('looks')} batches that were looked at",
    )


def _targets_far(view: View, step: int) -> Found:
    """Targets whose scale is far from that of outputs at the start."""
    mean, spread = view.tracks.get("batch/target_mean"), view.tracks.get("batch/target_std")
    if (
        mean is None
        or spread is None
        or not spread.count
        or not view.tracks.get("batch/unexplained")
    ):
        return None
    size = math.hypot(mean.last, spread.last)
    if size < FAR:
        return None
    return Cause(
        "targets that are not scaled: a step of the optimizer moves the outputs by far less than they lie away",
        0.7,
        f"the targets have a mean of {mean.last:.4g} and a deviation of {spread.last:.4g}",
    )


def _still_warming(view: View, step: int) -> Found:
    for track in view.having("learning-rate"):
        if (
            track.count > 8
            and 0 < track.first < WARMING * track.last
            and track.last == track.highest
        ):
            return Cause(
                "a warm-up of the learning rate that is longer than the run",
                0.65,
                f"`{track.name}` has only risen, from {track.first:.3g} to {track.last:.3g} at step {track.step}",
            )
    return None


def _dead_layer(view: View, step: int) -> Found:
    """A layer in which hardly any unit gets a gradient, though the last one does."""
    every = [t for t in view.having("dead-share") if t.name.startswith("layer/") and t.count]
    dead = [t for t in every if t.last >= DEAD and t.count > 1]
    if not dead or every[-1].last >= ALIVE:
        return None
    layer, least = dead[-1].name.split("/", 1)[1].rsplit("/", 1)[0], dead[-1].lowest
    alive = least <= ALIVE
    return Cause(
        f"layer `{layer}` lets nothing through"
        + (
            ": updates that were too large have pushed its units out of reach, so the learning rate"
            if alive
            else ""
        ),
        0.8,
        f"{dead[-1].last:.0%} of its units have no gradient"
        + (f", of {least:.0%} before" if alive else ", from the start"),
    )


def _in_order(view: View, step: int) -> Found:
    """Batches that hold few of the classes."""
    held, labels = view.tracks.get("batch/classes"), view.tracks.get("batch/labels")
    if held is None or labels is None or held.count < FEW_LOOKS or view.classes < 4:
        return None
    if held.highest > FEW_CLASSES * view.classes or labels.lowest < 2 * view.classes:
        return None
    return Cause(
        "batches that hold few of the classes each, as those of data in order do",
        0.8,
        f"at most {held.highest:.0f} of {view.classes} classes in all {held.count} batches that were looked at",
    )


NEVER_WORKED: tuple[Callable[[View, int], Found], ...] = (
    uncleared,
    _decay,
    _dropout,
    constant_inputs,
    _dead_layer,
    _in_order,
    _targets_far,
    _still_warming,
    _no_rate,
    _no_gradient,
    _rate_too_high,
    _frequencies,
    _labels,
    other_settings,
)
