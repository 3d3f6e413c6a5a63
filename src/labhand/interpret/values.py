"""What was said, as values of a setting: fitted to its type, choices and the range that makes sense."""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from labhand.core.errors import UsageError
from labhand.interpret import called, vocabulary
from labhand.interpret.kinds import CAN_BE_OFF
from labhand.interpret.lexicon import Known
from labhand.interpret.text import Amount
from labhand.interpret.words import whole
from labhand.kit import values
from labhand.kit.values import DIGITS
from labhand.kit.values import shown as shown


class Base(NamedTuple):
    """What a setting is now, and where that is told: `the code` or a run."""

    value: object
    where: str


def fitted(known: Known, amount: Amount) -> object:
    """The number as the setting takes it.

    Raises:
        UsageError: it does not fit the setting's type or choices, or the range that makes sense.
    """
    percent = amount.unit == "%" and not _in_percent(known)
    number = amount.value / 100 if percent else amount.value
    if amount.unit == "m":
        number *= 1_000_000
    if known.setting.type == "bool":
        if number in (0, 1):
            return bool(number)
        raise UsageError(f"`{known.key}` takes true or false; `{amount.text}` is neither")
    if known.setting.type == "list":
        return values.read(known.setting, _written(number)).value
    if known.setting.type == "str" and not known.setting.choices:
        return amount.text
    found = values.read(known.setting, _written(number)).value
    check_range(known, found)
    return found


def _in_percent(known: Known) -> bool:
    """Whether a setting counts in percent itself, so that 20% is 20."""
    default, help_ = known.setting.default, known.setting.help.lower()
    above = isinstance(default, int | float) and not isinstance(default, bool) and default > 1
    return (
        above
        and re.search(r"percent|pct|%|0 ?(?:-|to) ?100", f"{known.setting.name.lower()} {help_}")
        is not None
    )


_FAR = 4.0
"""Decades between a value and the present one that nobody goes at once."""


def plausible(known: Known, number: float, decades: float = _FAR) -> bool:
    """Whether a number is not far from all sense for a setting whose name was not said in full."""
    present = known.setting.default
    if known.concept is not None and known.concept.id == "weight-decay" and number > 0.5:
        return False  # a decay of an average rather
    told = f"{known.setting.name} {known.setting.help}".lower()
    if isinstance(present, float) and 0 <= present < 1 < number and _SHARE.search(told):
        return False  # what is a share stays one
    if (
        isinstance(present, bool)
        or not isinstance(present, int | float)
        or not present
        or not number
    ):
        return True
    return abs(math.log10(abs(number / present))) < decades


_SHARE = re.compile(
    r"ratio|frac|share of|proportion|prob|split|quantile|(?:test|train|val)_?size|dropout|subsample"
)


def check_range(known: Known, value: object) -> None:
    """Answers nothing where a number makes sense for a setting.

    Raises:
        UsageError: it is outside of what makes sense, such as a dropout of 1.5.
    """
    concept, default = known.concept, known.setting.default
    if concept is None or isinstance(value, bool) or not isinstance(value, int | float):
        return
    if isinstance(default, int | float) and default < 0:
        return  # here a negative number means something
    low = concept.low
    optional = known.setting.default in (0, None)
    if low is not None and value < (0 if optional else low):
        wanted = "above zero" if low else "of zero or more"
        raise UsageError(
            f"`{known.key}` takes a number {wanted}; {value} makes no sense for {concept.title}"
        )
    share = concept.high is not None and not (isinstance(default, int | float) and default > 1)
    unsure = default is None and concept.id in ("discount", "gae", "lr-factor")
    if share and not unsure and concept.high is not None and value > concept.high:
        raise UsageError(
            f"`{known.key}` takes a number from 0 to 1; {value} makes no sense for {concept.title}"
        )


def _written(number: float | int) -> str:
    return repr(whole(number)) if abs(number) >= 1 and number == int(number) else repr(number)


def worded(known: Known, text: str, *, exact: bool = False) -> object | None:
    """The value that a word means for a setting; None where it means none.

    `exact`: the word was given as the value (`optimizer=foo`), so that what is no choice is an error.
    """
    setting = known.setting
    if setting.choices:
        for choice in setting.choices:
            if vocabulary.joined(str(choice)) == vocabulary.joined(text):
                return choice
        for choice in setting.choices:
            if vocabulary.same_value(str(choice), text):
                return choice
        near = [c for c in setting.choices if len(text) > 4 and _slip(text, str(c))]
        if near:
            return near[0]
        return values.read(setting, text).value if exact else None
    if setting.type == "str" or (
        setting.type is None and not isinstance(setting.default, int | float)
    ):
        return _styled(known, text)
    if setting.type == "bool" and exact:
        return values.read(setting, text).value
    if exact:
        return values.read(setting, text).value
    return None


def _slip(text: str, choice: str) -> bool:
    from labhand.interpret.text import slips

    return slips(text.lower(), choice.lower()) == 1


def _styled(known: Known, text: str) -> str:
    """A word in the way the code writes such words: `AdamW` where the default is `SGD`."""
    default = known.setting.default
    if isinstance(default, str) and default:
        if told := _told(known, default, text):
            return told
        for group in vocabulary.VALUE_ALIASES[:3]:
            if text.isdigit():
                return text
            if vocabulary.joined(text) in group and vocabulary.joined(default) != vocabulary.joined(
                text
            ):
                return _dtype(default, group)
        if known.concept is not None and known.concept.id == "normalisation":
            return text.lower().removesuffix("norm") if "norm" not in default.lower() else text
        if default in vocabulary.CLASS_NAMES.values():
            return vocabulary.CLASS_NAMES.get(text.lower(), text)
    concept = known.concept
    if concept is not None and concept.id == "device" and text.lower() == "gpu":
        return "gpu" if known.setting.name.endswith("accelerator") else "cuda"
    listed = called.spelling(known.setting.help, text)
    if listed != text:
        return listed
    words = set(concept.values) if concept else set()
    return text.lower() if vocabulary.joined(text) in words else text


def _told(known: Known, default: str, text: str) -> str:
    """The option that a word means, of those that help and code tell; empty: of none."""
    for word, option in called.described(known.setting.help).items():
        if vocabulary.same_value(word, text):
            return option
    listed = [*called.options(known.setting.help, default), *known.setting.compared]
    for option in (default, *listed):
        if vocabulary.joined(option) == vocabulary.joined(text):
            return option
    alike = {option for option in listed if vocabulary.same_value(option, text)}
    return alike.pop() if len(alike) == 1 else ""


def _dtype(default: str, group: frozenset[str]) -> str:
    """The precision of a group, spelled as the default spells its own."""
    if default.isdigit():
        return "bf16" if "bf16" in group else "16" if "fp16" in group else "32"
    long = default.replace("torch.", "").startswith(("float", "bfloat"))
    bits = "bf16" if "bf16" in group else "fp16" if "fp16" in group else "fp32"
    name = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}[bits] if long else bits
    if default.endswith(("-mixed", "-true")):
        return {"bf16": "bf16-mixed", "fp16": "16-mixed", "fp32": "32-true"}[bits]
    return f"torch.{name}" if default.startswith("torch.") else name


def switched(known: Known, on: bool) -> object | None:
    """The value that switches a setting on or off; None where nothing tells it."""
    setting = known.setting
    if setting.type == "bool":
        return on != known.inverse
    if on:
        return None
    refused = f"no{vocabulary.joined(setting.name)}"
    for choice in setting.choices:
        if str(choice).lower() in ("none", "off", "no", "false", "disabled", "null", refused):
            return choice
    told = _TOLD_OFF.search(setting.help.lower())
    if told is not None and setting.type in ("int", "float"):
        return values.read(setting, told[1] or told[2]).value
    if setting.type == "int" and setting.name.lower() in _DEVICES and setting.default == 0:
        return -1
    return _nothing(known)


_TOLD_OFF = re.compile(
    r"(?<![\w.])(-?\d+)(?: (?:is|means|to|for|turns?|=)|:|=)(?: (?:it|turn|be|no|all))*(?: |:)*(?:off|none|disables?d?|cpu|unlimited|never|without)\b"
    r"|\b(?:off|disabled?|none|cpu|unlimited|never) (?:if|when|with|at|is|=) (-?\d+)(?![\w.])"
)
"""Of a help text that says which number is none: `0 is off`, `-1 for cpu`."""
_DEVICES = frozenset("gpu cuda gpu_id device_id".split())
"""Numbers of devices, of which -1 is none."""


def _nothing(known: Known) -> object | None:
    """The value of a setting without such a choice that means none of it."""
    setting, concept = known.setting, known.concept.id if known.concept else ""
    if concept == "schedule" and setting.choices:
        return next((c for c in setting.choices if str(c) == "constant"), None)
    if concept in SHARES and setting.type == "float":
        return 1.0  # all of it
    if concept == "precision":
        return worded(known, "fp32")
    if concept and concept not in CAN_BE_OFF:
        return None
    if (
        setting.type == "int"
        and not concept
        and _SIZES & set(re.split(r"[^a-z]+", setting.name.lower()))
    ):
        return None
    if setting.type in ("int", "float"):
        least = known.concept.low if known.concept is not None else None
        least = least if least is not None and least >= 1 else 0.0
        return int(least) if setting.type == "int" else least
    plain = setting.type == "str" and not isinstance(setting.default, int | float)
    return "none" if plain and not setting.choices else None


SHARES = frozenset("row-fraction feature-fraction data-share".split())
"""Shares of which all is none of what they do."""
_SIZES = frozenset(
    "every interval freq frequency period size dim width batch batches len length layers heads steps iters".split()
)
"""Parts of the names of whole numbers that 0 does not switch off."""


def off(known: Known) -> object:
    """The value that switches a setting off.

    Raises:
        UsageError: the setting has no such value.
    """
    found = switched(known, False)
    if known.may_be_none and (known.setting.type in ("int", "float") or not known.setting.flag):
        return None
    if found is None:
        options = ", ".join(map(str, known.setting.choices)) or "a value"
        raise UsageError(
            f"`{known.key}` has no value that turns it off; say which it shall be: {options}"
        )
    return found


def scaled(known: Known, base: Base, factor: float, plus: float = 0.0) -> object:
    """The value that is so many times the present one, and so much more.

    Raises:
        UsageError: the present value is no number.
    """
    if isinstance(base.value, bool) or not isinstance(base.value, int | float):
        raise UsageError(
            f"`{known.key}` has no number in {base.where} that could be changed by a factor; say the value"
        )
    if not base.value and not plus:
        raise UsageError(
            f"`{known.key}` is 0 in {base.where}, and any multiple of that is 0; say the value"
        )
    number = rounded(base.value * factor + plus)
    if known.setting.type == "int" or (isinstance(base.value, int) and known.setting.type is None):
        number = max(1, round(number)) if base.value > 0 and factor > 0 else round(number)
    found = values.read(known.setting, _written(number)).value
    check_range(known, found)
    return found


def rounded(number: float) -> float:
    """The number to six significant digits, so that 0.1 × 3 is 0.3."""
    return (
        float(f"{number:.{DIGITS}g}")
        if math.isfinite(number) and abs(number) < 10**DIGITS
        else number
    )


def spread(
    known: Known, low: float, high: float, count: int | None, log: bool | None
) -> list[object]:
    """The points of a range, both ends included; without a count doublings, decades or three.

    `log` None: as the setting's concept is usually varied.
    """
    whole_numbers = known.setting.type == "int"
    if log is None:
        log = bool(known.concept and known.concept.log) and low > 0 and high / low >= 5
    if count is None and whole_numbers and low > 0 and math.log2(high / low) % 1 == 0:
        count, log = round(math.log2(high / low)) + 1, True
    if count is None and log and low > 0 and abs(math.log10(high / low) % 1) < 1e-9:
        count = round(math.log10(high / low)) + 1
    if count is None and whole_numbers and not log and high - low <= 5:
        count = round(high - low) + 1
    count = count or 3
    if count == 1:
        points = [low]
    elif log and low > 0:
        points = [low * (high / low) ** (i / (count - 1)) for i in range(count)]
    else:
        points = [low + (high - low) * i / (count - 1) for i in range(count)]
    numbers = [float(round(p)) if whole_numbers else rounded(p) for p in points]
    return distinct([fitted(known, Amount(n, "", repr(n))) for n in numbers])


def stepped(known: Known, low: float, high: float, step: float) -> list[object]:
    """The points from `low` to `high` by `step`, both included where they are met."""
    count = math.floor((high - low) / step + 1e-9) + 1 if step > 0 else 1
    numbers = [rounded(low + i * step) for i in range(min(count, 1000))]
    return distinct([fitted(known, Amount(n, "", repr(n))) for n in numbers])


def distinct(found: Sequence[object]) -> list[object]:
    """The values in their order, each once; 1 and True are not the same."""
    kept: list[object] = []
    for value in found:
        if not any(value == k and isinstance(value, bool) == isinstance(k, bool) for k in kept):
            kept.append(value)
    return kept


def fitted_number(known: Known, number: float) -> object:
    """A plain number as the setting takes it; raises as `fitted` does."""
    return fitted(known, Amount(number, "", str(number)))
