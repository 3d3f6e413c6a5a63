"""Values as they may stand in the record: numbers for points, bounded and masked data for events."""

from __future__ import annotations

import math
import os
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MASK = "***"
_DEEPEST = 6
_LONGEST_TEXT = 2000
_MOST_ITEMS = 400

_SECRET_NAME = re.compile(
    r"(?i)api_?key|access_?key|private_?key|secret|passw(or)?d|passphrase|credential"
    r"|^(token|key|auth)$|(hf|hub|api|auth|access|refresh|github|wandb|bot|bearer|login)_?token"
)
_SECRET_SHAPE = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{20,}"
    r"|github_pat_\w{20,}|glpat-[\w-]{18,}|(?:AKIA|ASIA)[0-9A-Z]{16}|xox[abprs]-[\w-]{10,}"
    r"|AIza[\w-]{30,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{5,}|wandb_v1_\w{20,})"
    r"|(?<=://)[^/\s:@]+:[^/\s:@]+(?=@)"
)
_ENV_NAME = re.compile(r"(?i)(key|token|secret|password|passwd|credentials?)$")


def number(value: Any) -> float | None:
    """The one number that `value` is; None for anything else. Reads a device scalar back."""
    kind = type(value)
    if kind is float:
        return value  # type: ignore[no-any-return]
    try:
        if kind is int or kind is bool:
            return float(value)
        if isinstance(value, (str, bytes)) or value is None:
            return None
        item = getattr(value, "item", None)
        if item is not None:
            return float(item())
        return float(value) if hasattr(kind, "__float__") else None
    except Exception:  # more than one element, complex, too large, a lazy tensor
        return None


def mask(text: str) -> str:
    """The text without what looks like a key, and without secret variables and arguments."""
    for name, value in os.environ.items():
        if len(value) >= 8 and value in text and _ENV_NAME.search(name):
            text = text.replace(value, MASK)
    for value in _secret_arguments():
        text = text.replace(value, MASK)
    return _SECRET_SHAPE.sub(MASK, text)


def _secret_arguments() -> list[str]:
    """The values of `--password X` and `--api-key=X`; a few letters would mask half of a text."""
    found = []
    words = [str(word) for word in getattr(sys, "argv", None) or ()]
    for word, following in zip(words, [*words[1:], ""]):  # noqa: B905
        name, equals, value = word.partition("=")
        if word.startswith("-") and _SECRET_NAME.search(name.strip("-").replace("-", "_")):
            found.append(value if equals else following)
    return [value for value in found if len(value) >= 6 and not value.startswith("--")]


def _text(value: str) -> str:
    cut = value if len(value) <= _LONGEST_TEXT else value[:_LONGEST_TEXT] + "…"
    return mask(cut.encode("utf-8", "backslashreplace").decode("utf-8"))


def _fields(value: Any) -> dict[Any, Any] | None:
    """The named parts of a mapping, dataclass or namespace; None for anything else."""
    if isinstance(value, dict):
        return value
    names = getattr(type(value), "__dataclass_fields__", None)
    if names is not None:
        return {name: getattr(value, name, None) for name in names}
    if type(value).__name__ in ("Namespace", "SimpleNamespace"):
        return dict(vars(value))
    return None


def _one(value: Any) -> Any:
    """A leaf as JSON can hold it. Unknown objects are named, never printed: that can be costly."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bytes):
        return "<%d bytes>" % len(value)
    if hasattr(value, "value") and hasattr(value, "name"):
        return plain(value.value, _DEEPEST)
    one = number(value)
    if one is not None:
        return plain(int(one) if one.is_integer() and "float" not in type(value).__name__ else one)
    if isinstance(value, os.PathLike):
        return _text(str(value))
    if type(value).__module__ == "torch":
        return str(value) if type(value).__name__ in ("dtype", "device") else "<torch tensor>"
    name = getattr(value, "__qualname__", None)
    if isinstance(name, str):
        return "%s.%s" % (getattr(value, "__module__", ""), name)
    return "<%s.%s>" % (type(value).__module__, type(value).__qualname__)


def plain(value: Any, depth: int = 0) -> Any:
    """The value as JSON can hold it: bounded, secrets masked, non-finite numbers as text."""
    if value is None or value is True or value is False or type(value) is int:
        return value
    if type(value) is float:
        return value if math.isfinite(value) else str(value)
    if depth < _DEEPEST:
        fields = _fields(value)
        if fields is not None:
            return _mapping(fields, depth)
        if isinstance(value, (list, tuple, set, frozenset)):
            items = [plain(item, depth + 1) for item in list(value)[:_MOST_ITEMS]]
            return items if len(value) <= _MOST_ITEMS else [*items, "… %d in all" % len(value)]
    return _one(value)


def _mapping(fields: dict[Any, Any], depth: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in list(fields.items())[:_MOST_ITEMS]:
        key = _text(str(name))
        hidden = isinstance(value, str) and value and _SECRET_NAME.search(key)
        made[key] = MASK if hidden else plain(value, depth + 1)
    return made
