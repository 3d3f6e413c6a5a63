"""What is given a name or a label in code: assigned, appended, shown in a text, kept under a key."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Code
from labhand.kit.code.splits import part_in

_PERCENT = re.compile(r"%[-+#0 ]*\d*(?:\.\d+)?[a-z]")
_BRACES = re.compile(r"\{(?::[^{}]*)?\}")
"""Places of values in a text that says neither names nor numbers of them."""


def labelled(code: Code) -> Iterator[tuple[ast.stmt, str, ast.expr]]:
    """What is given a name or a label: the statement, the label, the value."""
    for node in code.nodes(ast.Assign):
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name | ast.Attribute):
            yield node, last(node.targets[0]), node.value
    for call in code.calls(".append", ".add_scalar"):
        statement = code.source.index.statement(call.node)
        if call.method == "append" and len(call.node.args) == 1 and call.receiver is not None:
            yield statement, _label(call.receiver), call.node.args[0]
        elif call.method == "add_scalar" and len(call.node.args) > 1:
            yield statement, _text(call.node.args[0]), call.node.args[1]
    for made in code.nodes(ast.Dict):
        for key, value in zip(made.keys, made.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str) and _plain(value):
                yield code.source.index.statement(made), key.value, value
    for text in code.nodes(ast.JoinedStr):
        yield from _told(code, text)
    yield from _printed(code)


def _told(code: Code, text: ast.JoinedStr) -> Iterator[tuple[ast.stmt, str, ast.expr]]:
    """The values of an f-string, each with the words right before it."""
    for before, shown, after in zip(
        text.values, text.values[1:], [*text.values[2:], None], strict=False
    ):
        if isinstance(before, ast.Constant) and isinstance(shown, ast.FormattedValue):
            words = re.split(r"[|,;:\n]", str(before.value).rstrip(" :=")) or [""]
            behind = str(after.value) if isinstance(after, ast.Constant) else ""
            if _plain(shown.value) and not _is_named_after(shown.value, behind):
                yield code.source.index.statement(text), words[-1], shown.value


def _is_named_after(value: ast.expr, words: str) -> bool:
    """Whether the words behind a value tell its part: `{val_size} rows of validation data`."""
    part = part_in(re.split(r"[|,;:\n]", words)[0])
    names = {part_in(n.id) for n in ast.walk(value) if isinstance(n, ast.Name)}
    return part is not None and part in names


def _printed(code: Code) -> Iterator[tuple[ast.stmt, str, ast.expr]]:
    """The values that are printed, logged or put into a text, each with the words right before it."""
    found: list[tuple[ast.expr, list[str], list[ast.expr]]] = []
    for call in code.calls("print", ".info", ".debug", ".write"):
        given = call.node.args
        template = _text(given[0]) if given else ""
        if "%" in template and len(given) > 1:
            found.append((call.node, _PERCENT.split(template), given[1:]))
        else:
            found += [(call.node, [label], [value]) for label, value in _under_labels(given)]
    for text in code.operations(ast.Mod):
        values = text.right.elts if isinstance(text.right, ast.Tuple) else [text.right]
        if _text(text.left):
            found.append((text, _PERCENT.split(_text(text.left)), values))
    for call in code.calls(".format"):
        template = _text(call.receiver) if call.receiver is not None else ""
        found.append((call.node, _BRACES.split(template), call.node.args))
    for node, before, values in found:
        for words, value, behind in zip(before, values, [*before[1:], ""], strict=False):
            if hasattr(node, "lineno") and _plain(value) and not _is_named_after(value, behind):
                label = re.split(r"[|,;:\n]", words.rstrip(" :=\t"))[-1]
                yield code.source.index.statement(node), label, value


def _under_labels(given: list[ast.expr]) -> Iterator[tuple[str, ast.expr]]:
    """What stands between texts, each with the text before it."""
    label = ""
    for one in given:
        label = _text(one) or label
        if not _text(one):
            yield label, one


def _label(receiver: ast.expr) -> str:
    if isinstance(receiver, ast.Subscript):
        return _text(receiver.slice)
    return last(receiver)


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def last(node: ast.expr) -> str:
    """The last part of a dotted name; anything else as it is written."""
    return node.attr if isinstance(node, ast.Attribute) else ast.unparse(node)


def _plain(value: ast.expr) -> bool:
    return isinstance(value, ast.Name) or (
        isinstance(value, ast.Call) and not value.args and isinstance(value.func, ast.Attribute)
    )


def exchange(name: str, old: str, new: str) -> str | None:
    """A name with one word put in for another, as words are written in it; None where it is not there."""
    pattern = re.compile(rf"(?<![a-zA-Z]){old}(?![a-z])|(?<=[a-z]){old.capitalize()}(?![a-z])")
    found = pattern.search(name)
    if found is None:
        return None
    word = new.capitalize() if found[0][:1].isupper() else new
    return name[: found.start()] + word + name[found.end() :]
