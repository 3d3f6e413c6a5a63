"""What a setting is by its use: what is handed to `Dropout(…)` or as `weight_decay=`, whatever it is called."""

import ast
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from labhand.interpret.vocabulary import concepts, joined
from labhand.kit.code.source import load
from labhand.kit.code.written import counted_to

_KEYWORDS = (
    "learning-rate", "weight-decay", "batch-size", "momentum", "dropout", "label-smoothing",
    "workers", "epochs", "heads", "grad-clip", "patience",
)  # fmt: skip
"""Concepts that a keyword of any call names."""
_PLACES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys("Dropout Dropout1d Dropout2d Dropout3d AlphaDropout".split(), ("dropout",)),
    "dropout": ("", "dropout"),
    "DataLoader": ("", "batch-size"),
    "clip_grad_norm_": ("", "grad-clip"),
    "clip_grad_norm": ("", "grad-clip"),
    "clip_by_global_norm": ("grad-clip",),
    "clamp_": ("", "weight-clip"),
}
"""What well-known calls take by place."""
_LOOPS = {
    "episode": "episodes",
    "epoch": "epochs",
    "ep": "epochs",
    "step": "steps",
    "iteration": "steps",
}
"""What `for NAME in range(…)` counts."""


def by_use(files: Iterable[Path], names: Collection[str]) -> dict[str, str]:
    """The concept of each setting of these names that every telling use of it agrees on, by its name."""
    told: dict[str, set[str]] = {}
    for path in files:
        for concept, given in _given(path):
            if (name := _name(given)) in names:
                told.setdefault(name, set()).add(concept)
    return {name: found.pop() for name, found in told.items() if len(found) == 1}


def done_every(files: Iterable[Path], names: Collection[str]) -> dict[str, frozenset[str]]:
    """What is done every so many rounds, in words of the code, by the name of the setting that says how many.

    So `target` and `update` of `if step % cfg.sync == 0: update_target(net)`.
    """
    found: dict[str, set[str]] = {}
    for path in files:
        for node in ast.walk(load(path).tree):
            for part in ast.walk(node.test) if isinstance(node, ast.If) else ():
                if not isinstance(part, ast.BinOp) or not isinstance(part.op, ast.Mod):
                    continue
                if isinstance(node, ast.If) and (name := _name(part.right)) in names:
                    found.setdefault(name, set()).update(_called(node.body))
    return {name: frozenset(words) for name, words in found.items()}


def may_be_none(files: Iterable[Path], names: Collection[str]) -> set[str]:
    """The names of settings that code asks of whether they are None: there 0 is a value like any other."""
    found: set[str] = set()
    for path in files:
        for node in ast.walk(load(path).tree):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is | ast.IsNot):
                none = node.comparators[0]
                if isinstance(none, ast.Constant) and none.value is None:
                    found.add(_name(node.left))
    return found & set(names)


_TELLS_NOTHING = frozenset(
    "item detach cpu append format self numpy str int float len range".split()
)


def _called(body: Iterable[ast.stmt]) -> Iterator[str]:
    """The words of what is called in a piece of code."""
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Call):
                if re.search(r"opt\w*\.step$", ast.unparse(node.func)):
                    yield from ("update", "accumulate")
                for part in re.split(r"[^A-Za-z]+", ast.unparse(node.func)):
                    if len(part) > 2 and part.lower() not in _TELLS_NOTHING:
                        yield part.lower()


def _given(path: Path) -> Iterator[tuple[str, ast.expr]]:
    """The expressions of a file that its calls and loops say the concept of."""
    keywords = {name: c for c in _KEYWORDS for name in concepts()[c].names if len(name) > 1}
    for node in ast.walk(load(path).tree):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg and (concept := keywords.get(joined(keyword.arg))):
                    yield concept, keyword.value
            places = _PLACES.get(ast.unparse(node.func).rpartition(".")[2], ())
            yield from ((c, g) for c, g in zip(places, node.args, strict=False) if c)
        elif isinstance(node, ast.For) and isinstance(node.target, ast.Name):
            last = counted_to(node.iter)
            if last is not None and (concept := _LOOPS.get(node.target.id.strip("_").lower())):
                yield concept, last


def _name(node: ast.expr) -> str:
    """The name of the setting that an expression is: `LR`, `args.lr`, `cfg["lr"]`; empty: it is none."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            return name
    return ""
