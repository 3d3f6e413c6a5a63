"""Rows lie in the train part and in the held-out part."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from labhand.check.claim import Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call
from labhand.kit.code.splits import part_in

_DRAWS = (
    "random.sample",
    "numpy.random.choice",
    "numpy.random.randint",
    "random.choices",
    ".sample",
)
_SPLITS = ("sklearn.model_selection.train_test_split", "torch.utils.data.random_split")
_SHUFFLES = ("random.shuffle", "numpy.random.shuffle")
_INDICES = re.compile(r"(^|_)(idx|idxs|ind|inds|indices|indexes|ids|rows)$", re.I)
_WINDOWS = re.compile(
    r"window|look_?back|seq_?len|time_?steps?|history|context|block_size|horizon|(?<![a-z])lag",
    re.I,
)


class Range(NamedTuple):
    """A stretch of rows that one name is given. Bounds are `(number, symbol or None)` sums."""

    part: str
    base: ast.expr
    low: dict[str, float]
    high: dict[str, float] | None
    statement: ast.Assign


class Rule:
    """Rows lie in the train part and in the held-out part.

    ## What it does
    Reports slices or ranges of one data set, named as train and held-out, that surely overlap; parts that
    are drawn independently from the same rows; slices taken before and after a shuffle; and two random
    splits of the same data, one for each part. In notebooks they are told only if this rule is selected.

    ## Why is this bad
    The model is scored on rows that it has learnt, so the score is too good, the more so the larger the
    overlap.

    ## Known problems
    Silent where bounds cannot be compared, where the overlap is the context of windows of a time series,
    and for rows that belong together (of one patient, one scene) but are split apart.

    ## Example
    ```python
    train = rows[:800]
    test = rows[700:]
    ```

    ## Use instead
    ```python
    train = rows[:800]
    test = rows[800:]
    ```

    ## Fix safety
    There is no automatic fix: which part is to give way is the author's choice.

    ## References
    - https://scikit-learn.org/stable/modules/cross_validation.html
    - Real cases: https://github.com/marin-community/marin/pull/2700,
      https://github.com/edgarsmdn/MLCE_book/pull/4.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The parts of one file that share rows."""
        if not code.mentions("train", "Train", "trn") or not code.mentions(
            "test", "val", "dev", "Test"
        ):
            return
        yield from _slices(code)
        yield from _draws(code)
        yield from _splits(code)


def _slices(code: Code) -> Iterator[Claim]:
    ranges = [r for node in code.nodes(ast.Assign) for r in _ranges(code, node)]
    told: set[ast.stmt] = set()
    for one in ranges:
        for other in ranges:
            apart = {one.part, other.part}
            in_order = one.statement.lineno <= other.statement.lineno and one is not other
            if len(apart) < 2 or "train" not in apart or not in_order or other.statement in told:
                continue
            why = _shared(code, one, other)
            if why is not None and code.leads(one.statement, other.statement):
                told.add(other.statement)
                yield _claim(code, other.statement.value, one.statement.value, why)


def _ranges(code: Code, node: ast.Assign) -> Iterator[Range]:
    """The stretches of rows that an assignment names as parts."""
    target, value = node.targets[0], node.value
    pairs = [(target, value)]
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = list(zip(target.elts, value.elts, strict=False))
    for name, given in pairs:
        part = part_in(ast.unparse(name).rpartition(".")[2]) if _named(name) else None
        found = _stretch(code, given) if part is not None else None
        if found is not None and part is not None:
            base, low, high = found
            lows = _bound(code, low) if low is not None else {"": 0.0}
            highs = _bound(code, high) if high is not None else None
            if lows is not None and (high is None or highs is not None):
                yield Range(part, base, lows, highs, node)


def _named(target: ast.expr) -> bool:
    return isinstance(target, ast.Name | ast.Attribute)


def _stretch(
    code: Code, given: ast.expr
) -> tuple[ast.expr, ast.expr | None, ast.expr | None] | None:
    """What is cut, from where and to where."""
    if isinstance(given, ast.Subscript):
        cut = (
            given.slice.elts[0]
            if isinstance(given.slice, ast.Tuple) and given.slice.elts
            else given.slice
        )
        base = given.value
        if isinstance(base, ast.Attribute) and base.attr == "iloc":
            base = base.value
        plain = isinstance(base, ast.Name | ast.Attribute)
        if isinstance(cut, ast.Slice) and cut.step is None and plain and (cut.lower or cut.upper):
            return base, cut.lower, cut.upper
        return None
    if not isinstance(given, ast.Call):
        return None
    call = code.call(given)
    over: ast.expr | None
    held: ast.expr | None
    if call.name == "torch.utils.data.Subset":
        over, held = call.arg(1, "indices"), call.arg(0, "dataset")
    elif call.method == "select" and call.receiver is not None:
        over, held = call.arg(0, "indices"), call.receiver
    else:
        return None
    while isinstance(over, ast.Call) and ast.unparse(over.func) == "list" and over.args:
        over = over.args[0]
    if held is None or not isinstance(over, ast.Call) or ast.unparse(over.func) != "range":
        return None
    if len(over.args) == 1:
        return held, None, over.args[0]
    return (held, over.args[0], over.args[1]) if len(over.args) == 2 else None


def _bound(code: Code, node: ast.expr, depth: int = 3) -> dict[str, float] | None:
    """A bound as a sum of numbers and multiples of symbols; None where it is no such sum.

    Negative numbers count from the end: they are multiples of the symbol `end`.
    """
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _bound(code, node.operand, depth)
        return (
            None
            if inner is None or depth < 3
            else {"end": 1.0, **{k: -v for k, v in inner.items()}}
        )
    return _sum(code, node, depth)


def _sum(code: Code, node: ast.expr, depth: int) -> dict[str, float] | None:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return {"": float(number)}
        case ast.Call(func=ast.Name(id="int" | "round"), args=[inner]):
            return _sum(code, inner, depth)
        case ast.BinOp():
            return _operation(code, node, depth)
        case ast.Name():
            return _named_sum(code, node, depth)
        case ast.Call(func=ast.Name(id="len")) | ast.Attribute() | ast.Subscript():
            return {ast.unparse(node): 1.0}
    return None


def _operation(code: Code, node: ast.BinOp, depth: int) -> dict[str, float] | None:
    left, right = _sum(code, node.left, depth), _sum(code, node.right, depth)
    if left is None or right is None:
        return None
    match node.op:
        case ast.Add() | ast.Sub():
            sign = 1.0 if isinstance(node.op, ast.Add) else -1.0
            return {k: left.get(k, 0.0) + sign * right.get(k, 0.0) for k in {*left, *right}}
        case ast.Mult():
            return _product(left, right)
        case ast.Div() | ast.FloorDiv() if set(right) == {""} and right[""]:
            return _product(left, {"": 1.0 / right[""]})
    return None


def _named_sum(code: Code, node: ast.Name, depth: int) -> dict[str, float]:
    """What a name stands for, where it is bound once; else the name as a symbol."""
    home, bindings = code.project.reaching(node, code.where(node))
    if len(bindings) == 1 and bindings[0].how == "assign" and not bindings[0].path and depth:
        value = bindings[0].value
        known = None
        if value is not None and home.source is code.source:
            known = _sum(code, value, depth - 1)
        if known is not None:
            return known
    return {f"{node.id} {[id(b) for b in bindings]}": 1.0}


def _product(a: dict[str, float] | None, b: dict[str, float] | None) -> dict[str, float] | None:
    for number, other in ((a, b), (b, a)):
        if number is not None and other is not None and set(number) == {""}:
            return {k: v * number[""] for k, v in other.items()}
    return None


def _before(one: dict[str, float], other: dict[str, float] | None) -> bool:
    """Whether one bound surely lies below another."""
    if other is None:
        return True
    gap = {k: other.get(k, 0.0) - one.get(k, 0.0) for k in {*one, *other}}
    gap = {k: v for k, v in gap.items() if abs(v) > 1e-9}
    return bool(gap) and all(v > 0 for v in gap.values())


def _shared(code: Code, one: Range, other: Range) -> str | None:
    """Why two stretches of one data set share rows; None where that is not proven."""
    if ast.unparse(one.base) != ast.unparse(other.base):
        return _of_another_order(code, one, other)
    targets = ast.unparse(one.statement) + ast.unparse(other.statement)
    if re.search(r"_(full|all|whole)\b", targets):
        return None  # the whole of what is split further elsewhere
    if code.where(one.statement).scope is not code.where(other.statement).scope:
        return None
    mine, theirs = _bindings(code, one.base), _bindings(code, other.base)
    text = ast.unparse(one.base)
    if mine == theirs:
        if _shuffled_between(code, one, other):
            return f"`{text}` is shuffled between the two cuts"
        if _before(one.low, other.high) and _before(other.low, one.high):
            return (
                None
                if code.mentions("window") or _WINDOWS.search(code.source.text)
                else "the cuts overlap"
            )
        return None
    return f"`{text}` is shuffled between the two cuts" if _reshuffled(code, other, mine) else None


def _of_another_order(code: Code, one: Range, other: Range) -> str | None:
    """Why cuts of two names share rows: one holds the rows of the other in another order."""
    if code.where(one.statement).scope is not code.where(other.statement).scope:
        return None
    for mixed, plain in ((one, other), (other, one)):
        if not isinstance(mixed.base, ast.Name) or not isinstance(plain.base, ast.Name):
            continue
        bound = code.project.reaching(mixed.base, code.where(mixed.base))[1]
        value = bound[0].value if len(bound) == 1 and not bound[0].path else None
        if not isinstance(value, ast.Call):
            continue
        call = code.call(value)
        whole = call.method == "sample" and call.option("frac") == 1
        mixes = whole or call.method == "permutation" or call.name == "sklearn.utils.shuffle"
        given = call.receiver if whole else call.arg(0)
        same = isinstance(given, ast.Name) and given.id == plain.base.id
        if (
            mixes
            and same
            and given is not None
            and _bindings(code, given) == _bindings(code, plain.base)
        ):
            return f"`{mixed.base.id}` holds the rows of `{plain.base.id}` in another order"
    return None


def _shuffled_between(code: Code, one: Range, other: Range) -> bool:
    """A list that is shuffled in place: a slice of it is a copy. One of an array would be a view."""
    values = [b.value for b in code.project.reaching(_first(one.base), code.where(one.base))[1]]
    lists = (ast.List, ast.ListComp)
    kept = [v for v in values if isinstance(v, lists) or _makes_list(v)]
    if not kept or len(kept) != len(values):
        return False
    return any(
        ast.unparse(s.node.args[0]) == ast.unparse(one.base)
        and code.leads(one.statement, s.node)
        and code.leads(s.node, other.statement)
        and not code.leads(other.statement, s.node)
        for s in code.calls(*_SHUFFLES)
        if s.node.args
    )


def _makes_list(value: ast.expr | None) -> bool:
    if not isinstance(value, ast.Call):
        return False
    return ast.unparse(value.func) in ("list", "sorted", "glob.glob", "os.listdir", "json.load")


def _first(base: ast.expr) -> ast.Name:
    return next((n for n in ast.walk(base) if isinstance(n, ast.Name)), ast.Name(id=""))


def _reshuffled(code: Code, other: Range, mine: set[int]) -> bool:
    """Whether the later cut is of the same rows in another order."""
    if not isinstance(other.base, ast.Name):
        return False
    for bound in code.project.reaching(other.base, code.where(other.base))[1]:
        value = bound.value
        if not isinstance(value, ast.Call):
            return False
        call = code.call(value)
        whole = call.method == "sample" and call.option("frac") == 1
        mixes = call.name in ("sklearn.utils.shuffle", "numpy.random.permutation") or whole
        given = call.receiver if whole else call.arg(0)
        if not mixes or given is None or _bindings(code, given) != mine:
            return False
    return True


def _bindings(code: Code, node: ast.expr) -> set[int]:
    names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
    return {id(b) for n in names for b in code.project.reaching(n, code.where(n))[1]}


def _draws(code: Code) -> Iterator[Claim]:
    """Parts that are drawn independently from the same rows."""
    drawn: dict[tuple[object, str, frozenset[int]], list[tuple[str, Call]]] = {}
    for call in code.calls(*_DRAWS):
        statement = code.source.index.statement(call.node)
        rows = (
            call.receiver
            if call.method == "sample" and call.name != "random.sample"
            else call.arg(0)
        )
        if call.method in ("randint", "integers"):
            rows = call.arg(1, "high") or rows
        if (
            not isinstance(statement, ast.Assign)
            or statement.value is not call.node
            or rows is None
        ):
            continue
        target = statement.targets[0]
        part = part_in(ast.unparse(target).rpartition(".")[2]) if _named(target) else None
        if part is not None and _is_rows(call, rows, ast.unparse(target)):
            key = (call.where.scope, ast.unparse(rows), frozenset(_bindings(code, rows)))
            drawn.setdefault(key, []).append((part, call))
    for parts in drawn.values():
        for (one, first), (other, second) in pairwise(parts):
            if one != other and "train" in (one, other) and code.leads(first.node, second.node):
                yield _claim(code, second.node, first.node, "both are drawn from the same rows")


def _is_rows(call: Call, rows: ast.expr, target: str) -> bool:
    """Whether a draw is surely of rows, not of values that rows are made of."""
    if call.method == "sample" and call.name != "random.sample":
        plain = isinstance(rows, ast.Name | ast.Attribute)
        return plain and call.arg(None, "frac", "n") is not None and call.option("frac") != 1
    by_index = ast.unparse(rows).startswith(("range(", "len(")) or bool(_INDICES.search(target))
    return by_index or (call.name == "random.sample" and isinstance(rows, ast.Name | ast.Attribute))


def _splits(code: Code) -> Iterator[Claim]:
    """Two random splits of the same rows, each for one part."""
    calls = code.calls(*_SPLITS)
    for first, second in pairwise(calls):
        a, b = first.arg(0), second.arg(0)
        if a is None or b is None or first.where.scope is not second.where.scope:
            continue
        if ast.unparse(a) != ast.unparse(b) or _bindings(code, a) != _bindings(code, b):
            continue
        if _apart(code, first, second) and not _one_order(code, first, second):
            yield _claim(code, second.node, first.node, "each comes from a random split of its own")


def _apart(code: Code, first: Call, second: Call) -> bool:
    """Whether the train part that is used is of one split, and a held-out part of the other."""
    kept = _kept(code, first), _kept(code, second)
    if None not in kept:
        return kept[0] != kept[1]
    names = [_names(code, first), _names(code, second)]
    if any(len(n) != 2 for n in names) or set(names[0]) & set(names[1]):
        return False
    parts = [[part_in(n) for n in pair] for pair in names]
    return all(p[0] == "train" for p in parts) and {p[1] for p in parts} == {"test", "validation"}


def _names(code: Code, call: Call) -> list[str]:
    """What the parts of a split are called."""
    statement = code.source.index.statement(call.node)
    if not isinstance(statement, ast.Assign) or statement.value is not call.node:
        return []
    target = statement.targets[0]
    return [ast.unparse(e) for e in target.elts] if isinstance(target, ast.Tuple) else []


def _kept(code: Code, call: Call) -> int | None:
    """Which of two parts is kept, where the other is thrown away as `_`."""
    names = _names(code, call)
    thrown = [i for i, n in enumerate(names) if n.strip("_") == ""]
    return 1 - thrown[0] if len(names) == 2 and len(thrown) == 1 else None


def _one_order(code: Code, first: Call, second: Call) -> bool:
    """Whether both splits surely or possibly use one seed, or no order at random."""
    seeds = [c.arg(None, "random_state", "generator", "shuffle") for c in (first, second)]
    if seeds[0] is None and seeds[1] is None:
        between = [*code.known("random", "seeds")]
        return any(
            code.leads(first.node, s.node) and code.leads(s.node, second.node) for s, _ in between
        )
    texts = {ast.unparse(s) for s in seeds if s is not None}
    plain = all(isinstance(s, ast.Constant) for s in seeds)
    return len(texts) == 1 or not plain


def _claim(code: Code, node: ast.expr, other: ast.expr, why: str) -> Claim:
    return code.claim(
        node,
        f"the train part and the held-out part share rows: {why}",
        "cut the data once, into parts that have no row in common",
        because=[code.step("the other part is made here", other)],
        confidence=0.95,
        # Cells of one experiment after the other use the same names.
        level="possible" if code.source.cells else None,
    )
