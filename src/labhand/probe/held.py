"""What the names in a line held when it failed, in a few words: numbers, short texts, shapes."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping

_LIBRARY = re.compile(
    r"(?:^|[/\\])(?:site-packages|dist-packages|lib[/\\]python\d[\d.]*|packages[/\\][0-9a-f]{12})[/\\]|^<frozen"
)
_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)?")
_STRING = re.compile(r"""(?s)('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")""")
_MOST = 12
_LONGEST = 80
_SILENT = (
    "module", "function", "type", "method", "builtin_function_or_method", "ellipsis", "ufunc",
    "_ArrayFunctionDispatcher",
)  # fmt: skip
_MOST_COLUMNS = 20
_MOST_NUMBERS = 1_000_000
_ARRAYS = ("numpy", "torch", "jax", "jaxlib", "pandas", "polars", "tensorflow")


def in_library(file: str) -> bool:
    """Whether a file belongs to a library and not to the person's code."""
    return bool(_LIBRARY.search(file))


def values(line: str, local: Mapping[str, Any], around: Mapping[str, Any]) -> dict[str, str]:
    """Words for what the names in a line of code hold, by name; arguments of the function too.

    Runs no code of the person's: attributes are read from the object's own dictionary, and unknown
    objects are named by their class.
    """
    told: dict[str, str] = {}
    # what stands in quotes is no name, unless the line formats it
    names = _NAME.findall(line if re.search(r"\bf['\"]", line) else _STRING.sub("", line))
    for name in [*names, *(name for name in local if local is not around)]:
        first, _, attribute = name.partition(".")
        held = local.get(first, around.get(first, local))
        for key, thing in ((first, held), (name, _attribute(held, attribute))):
            if thing is local or key in told or len(told) >= _MOST:
                continue
            word = _word(thing)
            if word:
                told[key] = word
    return told


def _attribute(held: Any, name: str) -> Any:
    own = getattr(held, "__dict__", None) if name else None
    if type(own) is not dict:
        return ...
    parts = own.get("_modules")  # where a module of torch keeps its layers
    return own.get(name, parts.get(name, ...) if type(parts) is dict else ...)


def _word(thing: Any) -> str:
    """A few words; empty for what says nothing: modules, functions, classes."""
    kind = type(thing)
    if thing is None or kind in (bool, int, float, complex):
        return repr(thing)[:_LONGEST]
    if kind in (str, bytes):
        return repr(thing[:_LONGEST])
    if kind in (list, tuple, set, frozenset):
        return _several(thing)
    if isinstance(thing, dict) and kind.__module__ in ("builtins", "collections"):
        keys = ", ".join(repr(key)[:20] for key in list(thing)[:8])
        return "%s of %d: %s" % (kind.__name__, len(thing), keys)
    if kind.__name__ in _SILENT or type in kind.__mro__:
        return ""
    return _object(thing)


def _several(thing: Any) -> str:
    if len(thing) <= 8 and all(type(item) in (int, float, bool, str) for item in thing):
        return repr(thing)[:_LONGEST]
    return "%s of %d" % (type(thing).__name__, len(thing))


def _object(thing: Any) -> str:
    kind = type(thing)
    if kind.__module__.partition(".")[0] in _ARRAYS and getattr(thing, "shape", None) is not None:
        text = "%s %s %s" % (kind.__name__, tuple(thing.shape), getattr(thing, "dtype", ""))
        if kind.__name__ == "DataFrame":
            names = [str(name)[:40] for name in list(thing.columns)[:_MOST_COLUMNS]]
            text = "%s of columns %s" % (text.strip(), ", ".join(names))
        return text.replace("torch.", "").strip() + _reach(thing)
    if kind.__module__.startswith("torch.nn.modules."):
        return ("%s (%s)" % (_one(kind), thing.extra_repr()[:_LONGEST])).replace(" ()", "")
    if kind.__module__ == "_io" and type(getattr(thing, "name", None)) is str:
        return "file %r" % thing.name
    return _one(kind)


def _one(kind: type) -> str:
    return ("an " if kind.__name__[0] in "AEIOU" else "a ") + kind.__name__


def _reach(thing: Any) -> str:
    """From which number to which whole numbers reach: labels and indices; empty where it is not cheap."""
    plain = type(thing).__module__ in ("torch", "numpy") and "int" in str(thing.dtype)
    if not plain or type(thing).__name__ not in ("Tensor", "ndarray"):
        return ""
    count = 1
    for side in thing.shape:
        count *= side
    if str(getattr(thing, "device", "cpu")) != "cpu" or not 0 < count <= _MOST_NUMBERS:
        return ""
    least, most = int(thing.min()), int(thing.max())
    return ", all %d" % least if least == most else ", %d to %d" % (least, most)
