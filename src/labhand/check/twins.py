"""Harmless variants of a program: what it does stays, how it is written changes."""

import ast
import random
from collections.abc import Callable
from itertools import pairwise

from labhand.check.planting import Edit, Function, Program

Files = dict[str, str]
"""Files by name; `train.py` is the program."""
MAIN, PARTS = "train.py", "parts.py"

_WORDS = {
    "loss": ("objective", "cost"),
    "model": ("net_", "network_"),
    "optimizer": ("opt", "solver"),
    "criterion": ("objective_fn", "loss_of"),
    "outputs": ("answers", "given"),
    "logits": ("raw", "energies"),
    "inputs": ("features", "samples"),
    "labels": ("wanted", "classes_"),
    "x": ("xb", "features_"),
    "y": ("yb", "wanted_"),
    "total": ("running", "summed"),
    "correct": ("right", "hits_"),
    "scheduler": ("schedule", "annealing"),
    "device": ("place", "where"),
    "epoch": ("ep", "round_"),
    "step": ("turn", "number"),
}
"""Other names for what researchers call things; a name that tells a part of the data stays."""


def twin(text: str, generator: random.Random) -> Files:
    """A program written in another way: two or three of the ways below, drawn.

    Comments stay with their lines, so marks in comments can be found again.
    """
    ways = generator.sample(_WAYS, generator.randint(2, 3))
    # parts go to another file last: what is in it is not followed by other ways
    ways.sort(key=lambda way: way is apart)
    files = {MAIN: text}
    for way in ways:
        try:
            made = way(Program(files[MAIN]), generator)
            for changed in made.values():
                ast.parse(changed)
        except (SyntaxError, ValueError):
            continue
        files |= made
    return files


def _made(p: Program, edits: list[Edit]) -> Files:
    text, position = [], 0
    for edit in sorted(edits):
        if edit.start < position:
            continue
        text += [p.text[position : edit.start], edit.text]
        position = edit.end
    return {MAIN: "".join([*text, p.text[position:]])}


def renamed(p: Program, generator: random.Random) -> Files:
    """Other names for variables and parameters that no call names and no import brings."""
    keywords = {k.arg for n in p.nodes if isinstance(n, ast.Call) for k in n.keywords}
    held = {n.id for n in p.nodes if isinstance(n, ast.Name)} | {
        n.arg for n in p.nodes if isinstance(n, ast.arg)
    }
    fields = {
        n.target.id
        for n in p.nodes
        if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
    }
    new = {
        old: generator.choice(words)
        for old, words in _WORDS.items()
        if old in held and old not in keywords and old not in fields and not set(words) & held
    }
    edits = [p.put(n, new[n.id]) for n in p.nodes if isinstance(n, ast.Name) and n.id in new]
    for node in p.nodes:
        if isinstance(node, ast.arg) and node.arg in new:
            edits.append(Edit(p.start(node), p.start(node) + len(node.arg), new[node.arg]))
    if any(isinstance(n, ast.FormattedValue) and set(new) & _names(n) for n in p.nodes):
        return {MAIN: p.text}  # places within formatted strings cannot be trusted in Python 3.11
    return _made(p, edits)


def aliased(p: Program, generator: random.Random) -> Files:
    """Imports under other names."""
    edits: list[Edit] = []
    new: dict[str, str] = {}
    for node in p.nodes:
        if not isinstance(node, ast.Import | ast.ImportFrom) or isinstance(
            p.parents[node], Function
        ):
            continue
        for alias in node.names:
            bound = alias.asname or alias.name
            if "." in bound or alias.name == "*" or generator.random() < 0.4:
                continue
            new[bound] = f"{bound}_" if len(bound) > 3 else f"{bound}x"
            start, end = p.start(alias), p.end(alias)  # type: ignore[arg-type]
            edits.append(Edit(start, end, f"{alias.name} as {new[bound]}"))
    edits += [p.put(n, new[n.id]) for n in p.nodes if isinstance(n, ast.Name) and n.id in new]
    if any(isinstance(n, ast.FormattedValue) and set(new) & _names(n) for n in p.nodes):
        return {MAIN: p.text}
    return _made(p, edits)


def reordered(p: Program, generator: random.Random) -> Files:
    """Neighbouring functions change places."""
    pairs = []
    for one, other in pairwise(p.tree.body):
        if isinstance(one, Function) and isinstance(other, Function):
            early = {n for f in (one, other) for d in f.decorator_list for n in _names(d)}
            if not early & {one.name, other.name}:
                pairs.append((one, other))
    if not pairs:
        return {MAIN: p.text}
    one, other = generator.choice(pairs)
    first, second = p.lines(one), p.lines(other)
    start = p.text.index(first)
    middle = p.text[start + len(first) : p.text.index(second, start)]
    return {MAIN: p.text.replace(first + middle + second, second + middle + first, 1)}


def keywords(p: Program, generator: random.Random) -> Files:
    """Keyword arguments in another order, where their values are names and constants."""
    edits = []
    for call in p.nodes:
        if isinstance(call, ast.Call) and len(call.keywords) > 1:
            plain = all(
                k.arg and isinstance(k.value, ast.Constant | ast.Name | ast.Attribute)
                for k in call.keywords
            )
            if plain and generator.random() < 0.7:
                written = [p.text[p.start(k) : p.end(k)] for k in call.keywords]  # type: ignore[arg-type]
                for place, text in zip(call.keywords, reversed(written), strict=True):
                    edits.append(Edit(p.start(place), p.end(place), text))  # type: ignore[arg-type]
    return _made(p, edits)


def in_function(p: Program, generator: random.Random) -> Files:
    """The statements of a script go into `main()`."""
    body = p.tree.body
    loose = [i for i, s in enumerate(body) if isinstance(s, ast.For | ast.With | ast.While)]
    if not loose or any(isinstance(s, Function | ast.ClassDef) for s in body[loose[0] :]):
        return {MAIN: p.text}
    last_definition = max(
        (i for i, s in enumerate(body) if isinstance(s, Function | ast.ClassDef)), default=-1
    )
    used = {n for s in body[: last_definition + 1] for n in _names(s)}
    first = last_definition + 1
    while first < loose[0] and (
        isinstance(body[first], ast.Import | ast.ImportFrom | ast.Expr)
        or {n for n in _names(body[first])} & used
    ):
        first += 1
    start = p.text.index(p.lines(body[first]))
    moved = p.text[start:].rstrip("\n").split("\n")
    inner = "\n".join(f"    {line}" if line.strip() else line for line in moved)
    return {
        MAIN: f"{p.text[:start]}\n\ndef main():\n{inner}\n\n\nif __name__ == '__main__':\n    main()\n"
    }


def pass_apart(p: Program, generator: random.Random) -> Files:
    """What a loop does in each pass goes into a function of its own."""
    loops = [n for n in p.nodes if isinstance(n, ast.For) and _movable(p, n)]
    if not loops:
        return {MAIN: p.text}
    loop = generator.choice(loops)
    wanted, given = _carried(p, loop)
    top: ast.stmt = loop
    while not isinstance(p.parents[top], ast.Module):
        top = p.statement(p.parents[top])
    first, last = p.start(loop.body[0]), p.lines(loop.body[-1])
    end = p.text.index(last, first) + len(last.rstrip("\n"))
    indent = p.indent(loop.body[0])
    lines = [line.removeprefix(indent) for line in p.text[first:end].split("\n")]
    body = "\n".join(f"    {line}" if line.strip() else line for line in lines)
    back = f"\n    return {', '.join(given)}" if given else ""
    made = f"def one_pass({', '.join(wanted)}):\n{body}{back}\n\n\n"
    call = f"{', '.join(given)} = " if given else ""
    begin = p.text.index(p.lines(top))
    edits = [
        Edit(begin, begin, made),
        Edit(first, end, f"{call}one_pass({', '.join(wanted)})"),
    ]
    return _made(p, edits)


def _carried(p: Program, loop: ast.For) -> tuple[list[str], list[str]]:
    """The names that a pass of a loop needs from around it, and those that it leaves behind."""
    function = p.function(loop)
    own = _bound(function) if isinstance(function, Function) else _stored(p.tree.body)
    inner = set(ast.walk(loop))
    names = [n for n in ast.walk(function) if isinstance(n, ast.Name)]
    before = {
        n.id
        for n in names
        if isinstance(n.ctx, ast.Store)
        and (n.lineno < loop.lineno or n in set(ast.walk(loop.target)))
    }
    if isinstance(function, Function):
        before |= {a.arg for a in ast.walk(function.args) if isinstance(a, ast.arg)}
    used = {n.id for s in loop.body for n in ast.walk(s) if isinstance(n, ast.Name)}
    elsewhere = {n.id for n in names if n not in inner}
    left = _stored(loop.body) & (elsewhere | (before & used))
    return sorted(used & own & before), sorted(left)


def _movable(p: Program, loop: ast.For) -> bool:
    """Whether nothing in a loop's body leaves it or belongs to a class."""
    leaves = (
        ast.Break,
        ast.Continue,
        ast.Return,
        ast.Yield,
        ast.Global,
        ast.Nonlocal,
        ast.Lambda,
        *_FUNCTIONS,
    )
    outer = p.function(loop)
    method = isinstance(outer, Function) and not isinstance(p.parents[outer], ast.Module)
    simple = not any(isinstance(n, leaves) for s in loop.body for n in ast.walk(s))
    return simple and not method and len(loop.body) > 2 and not _unsure(loop)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _unsure(loop: ast.For) -> bool:
    """Whether a name may or may not be bound when a pass ends."""
    conditional = [
        n
        for s in loop.body
        for n in ast.walk(s)
        if isinstance(n, ast.If | ast.For | ast.With | ast.Try)
    ]
    inner = {
        n.id
        for c in conditional
        for n in ast.walk(c)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    outer = {
        n.id
        for s in loop.body
        if not isinstance(s, ast.If | ast.For | ast.With | ast.Try)
        for n in ast.walk(s)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    return bool(inner - outer)


def _bound(function: Function) -> set[str]:
    """The names that are local to a function."""
    return _stored(function.body) | {
        a.arg for a in ast.walk(function.args) if isinstance(a, ast.arg)
    }


def _stored(statements: list[ast.stmt]) -> set[str]:
    return {
        n.id
        for s in statements
        for n in ast.walk(s)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }


def in_class(p: Program, generator: random.Random) -> Files:
    """The functions of a program become static methods of a class."""
    tops = [
        s
        for s in p.tree.body
        if isinstance(s, ast.FunctionDef) and not s.decorator_list and s.name != "main"
    ]
    if not tops:
        return {MAIN: p.text}
    chosen = generator.choice(tops)
    text = p.lines(chosen)
    inner = "".join(f"    {line}" if line.strip() else line for line in text.splitlines(True))
    edits = [
        Edit(
            p.start(chosen), p.start(chosen) + len(text), f"class Work:\n    @staticmethod\n{inner}"
        )
    ]
    for node in p.nodes:
        if isinstance(node, ast.Name) and node.id == chosen.name and isinstance(node.ctx, ast.Load):
            if p.start(chosen) <= p.start(node) < p.start(chosen) + len(text):
                return {MAIN: p.text}
            edits.append(p.put(node, f"Work.{chosen.name}"))
    return _made(p, edits)


def apart(p: Program, generator: random.Random) -> Files:
    """Classes and functions that need nothing but imports go to a file of their own."""
    imports = [s for s in p.tree.body if isinstance(s, ast.Import | ast.ImportFrom)]
    brought = {(a.asname or a.name).partition(".")[0] for s in imports for a in s.names}
    own = _stored(p.tree.body) | {s.name for s in p.tree.body if isinstance(s, _FUNCTIONS)}
    free = [
        s
        for s in p.tree.body
        if isinstance(s, ast.ClassDef | ast.FunctionDef)
        and s.name != "main"
        and not (_names(s) & own) - {s.name} - brought - _local(s)
    ]
    if not free:
        return {MAIN: p.text}
    moved = generator.sample(free, generator.randint(1, len(free)))
    moved.sort(key=lambda s: s.lineno)
    text = "".join(p.lines(s) for s in imports) + "".join(f"\n\n{p.lines(s)}" for s in moved)
    last = imports[-1] if imports else moved[0]
    line = f"from {PARTS.removesuffix('.py')} import {', '.join(s.name for s in moved)}"
    edits = [p.after(last, line) if imports else p.before(last, line)]
    for statement in moved:
        start = p.text.index(p.lines(statement))
        edits.append(Edit(start, start + len(p.lines(statement)), ""))
    return _made(p, edits) | {PARTS: text}


def _local(statement: ast.stmt) -> set[str]:
    """Names that only mean something inside a function or class."""
    bound = [
        n for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    ]
    return {n.id for n in bound} | {a.arg for a in ast.walk(statement) if isinstance(a, ast.arg)}


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


_WAYS: list[Callable[[Program, random.Random], Files]] = [
    renamed,
    aliased,
    reordered,
    keywords,
    in_function,
    pass_apart,
    in_class,
    apart,
]
