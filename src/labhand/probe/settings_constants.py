"""Settings that stand at the top of the main script: constants as in nanoGPT, config objects."""

from __future__ import annotations

import ast
import re
import sys

from .people import of_person

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Iterator

    from .session import Session

CO_OPTIMIZED = 1
_MOST = 200
_LONGEST = 32
_SIMPLE = (bool, int, float, str)
_NAMED_SO = re.compile(r"(?i)config|cfg|param|setting|option|hyper")
_READS = {"int", "float", "str", "bool", "get", "getenv", "lower", "upper", "strip"}
_BLOCKS = (ast.If, ast.Try, ast.With)


def tell(session: Session) -> None:
    """Tells the plain values of names that the main script sets as settings, as they are now.

    And the fields of the dataclasses of the person's own that the script holds, or a function of
    the person's that is running now, as `main` is at the first point.
    """
    main: Any = sys.modules["__main__"]
    file = main.__loader__.path
    if not session.leads or not of_person(file):
        return
    import linecache

    try:
        tree = ast.parse("".join(linecache.getlines(file, vars(main))))
    except SyntaxError:  # it did not run either
        return
    names = [name for name in setting_names(tree) if not name.startswith("_")]
    values = {name: vars(main).get(name) for name in names[:_MOST]}
    written = dict(_assigned(tree.body))
    told = {n: value for n, value in values.items() if _is_setting(n, value, written.get(n))}
    for name, value in [*_running(sys._getframe(1)), *vars(main).items()]:
        if not name.startswith("_") and _is_config(value):
            fields = {field: getattr(value, field, None) for field in value.__dataclass_fields__}
            told = dict(fields, **told)
    session.config(told)


def _running(frame: FrameType | None) -> list[tuple[str, Any]]:
    """The local variables of the person's functions that are running, the innermost first."""
    found: list[tuple[str, Any]] = []
    while frame is not None:
        # A module's variables are no locals; and of a class body or of exec they are live.
        if frame.f_code.co_flags & CO_OPTIMIZED and of_person(frame.f_code.co_filename):
            found += frame.f_locals.items()
        frame = frame.f_back
    return found


def _is_setting(name: str, value: Any, written: ast.expr | None) -> bool:
    """Whether it is plain: a number, a text, a short list of those, a dictionary named as settings.

    A list or dictionary that the script has added to holds results.
    """
    if type(value) in (list, tuple):
        plain = 0 < len(value) <= _LONGEST and all(type(item) in _SIMPLE for item in value)
        return plain and (type(value) is tuple or _same(value, written))
    if type(value) is dict:
        return bool(_NAMED_SO.search(name)) and _same(value, written)
    return type(value) in _SIMPLE


def _same(value: Any, written: ast.expr | None) -> bool:
    try:
        return written is not None and bool(ast.literal_eval(written) == value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False


def _is_config(value: Any) -> bool:
    """Whether it is a dataclass of the person's own that is named as settings are."""
    kind = type(value)
    if not hasattr(kind, "__dataclass_fields__"):
        return False
    if any(base.__module__.startswith("transformers.") for base in kind.__mro__):
        return False  # told by its own part, without the hundred defaults
    named = _NAMED_SO.search(kind.__name__) or re.search("Args|Arguments|Options?$", kind.__name__)
    loader = getattr(sys.modules.get(kind.__module__), "__loader__", None)
    return bool(named) and of_person(getattr(loader, "path", "<unknown>"))


def setting_names(tree: ast.Module) -> list[str]:
    """The names that are set from literals or from the outside, and never inside a loop."""
    settings: dict[str, None] = {}
    derived: set[str] = set()
    for name, value in _assigned(tree.body):
        if value is not None and _from_outside(value, set(settings) | derived):
            settings.setdefault(name)
        elif name not in settings:
            derived.add(name)
    changing = _changing(tree)
    return [name for name in settings if name not in changing and name not in derived]


def _assigned(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr | None]]:
    for node in body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield from _pairs(target, node.value)
        elif isinstance(node, ast.AnnAssign):
            yield from _pairs(node.target, node.value)
        elif isinstance(node, _BLOCKS):
            for field in ("body", "orelse", "finalbody"):
                yield from _assigned(getattr(node, field, []))


def _pairs(target: ast.expr, value: ast.expr | None) -> Iterator[tuple[str, ast.expr | None]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, its in zip(target.elts, value.elts):  # noqa: B905
            yield from _pairs(one, its)


def _from_outside(value: ast.expr, own: set[str]) -> bool:
    """Whether the value is made of literals, arguments and the environment alone."""
    for node in ast.walk(value):
        if isinstance(node, ast.Name) and node.id in own:
            return False
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name not in _READS and not name.startswith("is_"):
                return False
        if isinstance(node, (ast.Lambda, ast.ListComp, ast.DictComp, ast.Await, ast.NamedExpr)):
            return False
    return True


def _changing(tree: ast.Module) -> set[str]:
    """Names set in a loop or declared global in a function: counters and results, not settings."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.For, ast.While, ast.AsyncFor)):
            stores = (inner for inner in ast.walk(node) if isinstance(inner, ast.Name))
            names.update(name.id for name in stores if isinstance(name.ctx, ast.Store))
        elif isinstance(node, ast.Global):
            names.update(node.names)
    return names
