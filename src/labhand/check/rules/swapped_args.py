"""Arguments in each other's place, as their names tell."""

import ast
import re
from collections.abc import Iterator, Sequence

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call
from labhand.kit.code.project import Known, Where

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_MEANT = re.compile(r"swap|flip|mirror|revers|invers|transpos|sym|dual|cycl|cross|backward", re.I)

_DIRECTIONS = frozenset(
    "in out src dst source target input output from to pos neg positive negative".split()
)
"""Words of pairs that decoders, inverses and distances turn round on purpose."""
_AXES = frozenset("row rows col cols x y h w height width".split())
"""Words of pairs that keywords exchange to transpose."""


class Rule:
    """Arguments in each other's place, as their names tell.

    ## What it does
    Reports a call of a function of the project whose arguments carry the names of each other's
    parameters, keywords that are crossed (`lr=epochs, epochs=lr`), a loss that is handed the labels
    where it takes the output, and `clip(x, high, low)`.
    Arguments of functions of the project, and keywords, are told only if this rule is selected.

    ## Why is this bad
    Python does not look at names. Where both values have the same type the program runs: it saves every
    thousand epochs instead of every ten, trains on the validation part, or takes gradients of the labels.

    ## Known problems
    Silent where the same function is also called in the other order, for names of one letter, and where
    the name of the function says that it swaps.

    ## Example
    ```python
    def train(model, total_epochs, save_every): ...

    train(model, args.save_every, args.total_epochs)
    ```

    ## Use instead
    ```python
    train(model, args.total_epochs, args.save_every)
    ```

    ## Fix safety
    Scientific: the fix exchanges the two arguments.

    ## References
    - Real case: https://github.com/pytorch/examples/commit/2ee8d43 mends `save_every, total_epochs`.
    - Rice et al., Detecting argument selection defects, OOPSLA 2017.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The calls of one file with two arguments in each other's place."""
        for where in code.functions:
            for node in where.scope.calls:
                if len(node.args) + len(node.keywords) > 1:
                    pair = _pair(code, node, where)
                    if pair is not None:
                        yield _claim(code, node, *pair)


_Pair = tuple[ast.expr, ast.expr, str, str]


def _pair(code: Code, node: ast.Call, where: Where) -> _Pair | None:
    crossed = _keywords(node)
    if crossed is not None:
        return crossed
    if len(node.args) < 2 or any(isinstance(a, ast.Starred) for a in node.args):
        return None
    named = [_name(a) for a in node.args]
    fed = isinstance(node.args[0], ast.Name) and isinstance(node.args[1], ast.Call)
    if sum(len(n) > 1 for n in named) < 1 and not fed:
        return None
    call = code.call(node, where)
    known = _known(code, call)
    if known is not None:
        return known
    if code.is_test or not _may_cross(code, node, named):
        return None
    return _of_project(code, call, named)


def _keywords(node: ast.Call) -> _Pair | None:
    """`f(lr=epochs, epochs=lr)`: each is given the other's name."""
    given = {k.arg: k.value for k in node.keywords if k.arg is not None}
    for one, value in given.items():
        other = _name(value)
        if other in given and other != one and len(other) > 1 and len(one) > 1:
            back = given[other]
            if (
                _name(back) == one
                and not _MEANT.search(ast.unparse(node.func))
                and not _turned(one, other)
                and not (_words(one) & _AXES and _words(other) & _AXES)
            ):
                return value, back, one, other
    return None


def _may_cross(code: Code, node: ast.Call, named: list[str]) -> bool:
    """The cheap sieve: whether a function of this name can be one of the project."""
    function = node.func
    last = function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)
    return len({*named} - {""}) > 1 and not _MEANT.search(last) and last not in dir(list)


def _of_project(code: Code, call: Call, named: list[str]) -> _Pair | None:
    parameters = _parameters(code, call)
    if len(parameters) < 2:
        return None
    for i, j in _pairs(min(len(named), len(parameters))):
        one, other = named[i], named[j]
        p, q = parameters[i], parameters[j]
        if _crossed(one, other, p, q, parameters) and not _both_orders(code, call, i, j):
            return call.node.args[i], call.node.args[j], p, q
    return None


def _pairs(count: int) -> Iterator[tuple[int, int]]:
    for i in range(count):
        for j in range(i + 1, count):
            yield i, j


def _parameters(code: Code, call: Call) -> list[str]:
    target = call.target
    if isinstance(target, Known):
        made = code.project.method(target, "__init__")
        if made is None:
            return []
        target = made
    if not isinstance(target, Where):
        return []
    names = target.scope.parameters
    static = any(
        "static" in ast.unparse(d) for d in getattr(target.scope.node, "decorator_list", [])
    )
    bound = target.scope.owner is not None and not static
    if bound and names[:1] not in (["self"], ["cls"]):
        return []
    if _MEANT.search(target.scope.name):
        return []
    return names[1:] if bound else names


def _crossed(one: str, other: str, p: str, q: str, parameters: Sequence[str]) -> bool:
    """Whether an argument surely is meant for the other's parameter, and the other way round."""
    if _turned(p, q) or p.rstrip("0123456789") == q.rstrip("0123456789"):
        return False  # what is only numbered plays no part that the other does not
    if one == q and other == p and max(len(one), len(other)) > 1:
        return True
    a, b = _words(one) - _words(other), _words(other) - _words(one)
    first, second = _words(p) - _words(q), _words(q) - _words(p)
    if not (a and b and first and second):
        return False
    if one in parameters or other in parameters:
        return False  # half of it would be an accident of names
    # The whole parameter is in the other argument, and nothing of its own in either.
    return second <= a and first <= b and not (a & first) and not (b & second) and _long(p, q)


def _turned(p: str, q: str) -> bool:
    """Whether two parameters are the two ends of a direction."""
    return bool(_words(p) & _DIRECTIONS and _words(q) & _DIRECTIONS)


def _long(*names: str) -> bool:
    return all(len(n) > 2 for n in names)


def _words(name: str) -> set[str]:
    return {w.lower() for w in _WORDS.findall(name)}


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _both_orders(code: Code, call: Call, i: int, j: int) -> bool:
    """Whether the same function is called with only these two in the other order as well."""
    turned = [ast.unparse(a) for a in call.node.args]
    turned[i], turned[j] = turned[j], turned[i]
    written = [ast.unparse(call.node.func), *turned]
    for other in call.where.scope.calls:
        if other is not call.node and written == [
            ast.unparse(n) for n in (other.func, *other.args)
        ]:
            return True
    return call.where.scope.name == call.method


def _known(code: Code, call: Call) -> _Pair | None:
    """A call of a known function that takes two things in an order which the names turn round."""
    entry = call.entry("signatures") or {}
    if "order" not in entry:
        loss = call.entry("losses")
        if loss is None or loss.get("takes") is None or not loss.get("input"):
            return None
        i, j = loss["input"][0], loss["target"][0]
        kinds = ("outputs", "labels")
    else:
        i, j = entry["order"]
        kinds = ("low", "high")
    if max(i, j) >= len(call.node.args):
        return None
    first, second = call.node.args[i], call.node.args[j]
    mine, theirs = ({*code.words("signatures", "words", k)} for k in kinds)
    a, b = _told(first), _told(second)
    if a & theirs and b & mine and not (a & mine) and not (b & theirs):
        return first, second, kinds[0], kinds[1]
    if kinds[1] == "labels" and _of_one_pair(code, call, first, second):
        return first, second, kinds[0], kinds[1]
    return None


def _of_one_pair(code: Code, call: Call, first: ast.expr, second: ast.expr) -> bool:
    """`loss(y, model(x))` of a loop's `x, y`."""
    if not isinstance(first, ast.Name) or not isinstance(second, ast.Call) or not second.args:
        return False
    fed = second.args[0]
    if not isinstance(fed, ast.Name) or (call.entry("losses") or {}).get("classes") != "many":
        return False
    one = code.project.reaching(first, call.where)[1]
    other = code.project.reaching(fed, call.where)[1]
    if len(one) != 1 or len(other) != 1 or one[0].node is not other[0].node:
        return False
    paths = other[0].path[-1:], one[0].path[-1:]
    return one[0].how == "loop" and paths == ((0,), (1,)) and _is_model(code, second)


def _is_model(code: Code, call: ast.Call) -> bool:
    text = ast.unparse(call.func)
    return call in {c.node for c in code.module_calls()} or code.mentions(
        f"{text}.parameters()", f"{text}.train()", f"{text}.eval()"
    )


def _told(node: ast.expr) -> set[str]:
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        node = node.func.value
    name = _name(node)
    return _words(name) | {name.lower()}


_SHOWN = {
    "outputs": "what the model gives",
    "labels": "the labels",
    "low": "the lower bound",
    "high": "the upper bound",
}


def _claim(code: Code, node: ast.Call, one: ast.expr, other: ast.expr, p: str, q: str) -> Claim:
    a, b = ast.unparse(one), ast.unparse(other)
    function = ast.unparse(node.func)
    at = _SHOWN.get(p, f"`{p}`"), _SHOWN.get(q, f"`{q}`")
    return code.claim(
        node,
        f"`{function}` takes {at[0]} where `{a}` is given, and {at[1]} where `{b}` is given",
        f"exchange `{a}` and `{b}`",
        confidence=0.96,
        level=None if p in _SHOWN else "possible",  # names alone: the order may be meant
        change=Change(
            "scientific",
            f"Exchange `{a}` and `{b}`",
            [code.replace(one, code.text(other)), code.replace(other, code.text(one))],
        ),
    )
