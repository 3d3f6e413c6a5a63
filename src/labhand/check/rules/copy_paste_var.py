"""A variable of the block that this one was copied from."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

from labhand.check.claim import Change, Claim, Code, Level
from labhand.check.crossed_parts import crossed
from labhand.check.labelled import exchange, labelled
from labhand.core.finding import Severity
from labhand.kit.code.knowledge import EVALUATES
from labhand.kit.code.model import FunctionNode, Scope
from labhand.kit.code.splits import part_in
from labhand.kit.code.training import within

_NEAR = ("test", "validation")
_PAIRS = [
    ("1", "2"), ("a", "b"), ("src", "tgt"), ("source", "target"), ("real", "fake"), ("left", "right"),
    ("student", "teacher"), ("query", "key"), ("first", "second"), ("pos", "neg"), ("user", "item"),
    ("image", "text"), ("x", "y"),
]  # fmt: skip
_WORD = re.compile(r"[A-Za-z]+|\d+")


class Rule:
    """A variable of the block that this one was copied from.

    ## What it does
    Reports a validation loop that computes with the variables of the training loop before it while its
    own go unused; a result for one part of the data that is computed from, or shown with, the value of
    another part though its own stands ready (`val_losses.append(train_loss)`); a sum over one loader
    that is divided by the length of another part's, an iterator named after another part than it goes
    over, and a loop under `if val_set is not None` over what is trained on; and a line that repeats its
    neighbour's input while its own is never read (`z1 = f(x1); z2 = f(x1)`).
    A value under the words of a printed text, or handed to a function of the project, is told of
    only if this rule is selected.

    ## Why is this bad
    The validation curve is the training curve, or one batch is scored a thousand times. The numbers look
    plausible, often better than they should.

    ## Known problems
    Silent where the variable that was surely meant does not exist, and where both are used.

    ## Example
    ```python
    for images, labels in train_loader:
        train_step(images, labels)
    for inputs, targets in val_loader:
        score(model(images), targets)
    ```

    ## Use instead
    ```python
    for inputs, targets in val_loader:
        score(model(inputs), targets)
    ```

    ## Fix safety
    Scientific: the fix writes the variable that was meant, where only one can be meant.

    ## References
    - Real cases: https://github.com/labmlai/annotated_deep_learning_paper_implementations/issues/66,
      and `loss_fn(enc_output, dec_output)` of https://github.com/oke-aditya/image_similarity/pull/3.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The variables of one file that belong to another block than the one they stand in."""
        told: set[ast.AST] = set()
        for claim in (*_stale_in_loops(code), *_other_part(code), *_crossed(code), *_twins(code)):
            if claim.node not in told:
                told.add(claim.node)
                yield claim


# A loop that uses what an earlier loop left behind


def _stale_in_loops(code: Code) -> Iterator[Claim]:
    loops = [n for n in code.nodes(ast.For) if _names(n.target)]
    for later in loops:
        for earlier in loops:
            apart = earlier.end_lineno is not None and earlier.end_lineno < later.lineno
            if apart and code.where(earlier).scope is code.where(later).scope:
                yield from _stale(code, earlier, later)


def _stale(code: Code, earlier: ast.For, later: ast.For) -> Iterator[Claim]:
    left = set(_names(earlier.target)) - set(_names(later.target))
    if not left or ast.unparse(earlier.iter) == ast.unparse(later.iter):
        return
    read = [n for s in later.body for n in within(s) if isinstance(n, ast.Name)]
    loads = {n.id for n in read if isinstance(n.ctx, ast.Load)}
    unused = [n for n in _names(later.target) if n not in loads and n.strip("_")]
    counts = ast.unparse(later.iter).startswith("range(")
    if not unused or counts or any(n in unused for n in _names(earlier.target)):
        return
    for node in read:
        if node.id in left and isinstance(node.ctx, ast.Load) and _from(code, node, earlier):
            meant = _meant(earlier, later, node.id, unused)
            yield code.claim(
                node,
                f"`{node.id}` is left over from the loop at line {code.line(earlier)}, while "
                f"`{unused[0]}` of this loop is never used",
                f"use `{meant or unused[0]}`",
                because=[
                    code.step("bound by this loop", earlier),
                    code.step("used in this one", later),
                ],
                confidence=0.96,
                change=_change(code, node, meant),
                left_over=node.id,
            )
            return


def _from(code: Code, node: ast.Name, loop: ast.For) -> bool:
    """Whether a name surely is what an earlier loop left."""
    bindings = code.project.reaching(node, code.where(node))[1]
    return bool(bindings) and all(b.how == "loop" and b.node is loop for b in bindings)


def _meant(earlier: ast.For, later: ast.For, name: str, unused: list[str]) -> str | None:
    """The variable of the later loop in the same place."""
    before, now = _names(earlier.target), _names(later.target)
    if len(before) == len(now) and now[before.index(name)] in unused:
        return now[before.index(name)]
    return unused[0] if len(unused) == 1 else None


def _change(code: Code, node: ast.expr, meant: str | None) -> Change | None:
    if meant is None:
        return None
    return Change("scientific", f"Write `{meant}`", [code.replace(node, meant)])


def _names(target: ast.expr) -> list[str]:
    return [n.id for n in ast.walk(target) if isinstance(n, ast.Name)]


def _is_alike(code: Code, name: ast.Name, part: str, other: str | None) -> bool:
    """Whether a number of the right part is the same: `val_size = 1`, `test_size = 1`."""

    def number(of: str) -> object:
        bindings = code.project.binding(of, code.where(name))[1]
        value = bindings[0].value if len(bindings) == 1 else None
        return value.value if isinstance(value, ast.Constant) else None

    mine = number(name.id)
    if mine is None or other is None:
        return False
    names = code.source.index.module.bindings
    return any(part_in(n) == part and number(n) == mine for n in names)


# A value of one part under the name of another


def _other_part(code: Code) -> Iterator[Claim]:
    if not code.mentions("val", "test", "Val", "Test"):
        return
    for statement, label, value in labelled(code):
        part = part_in(label)
        if part is None:
            continue
        for name in _value_names(value):
            other = part_in(name.id)
            if _is_alike(code, name, part, other):
                continue
            if other is None or other == part or other == "held-out":
                continue
            own = label if isinstance(statement, ast.Assign) else ""
            meant = _counterpart(code, name, own, part)
            if (part, other) == _NEAR and (meant is None or _read(code, meant, name)):
                continue  # what was validated on is often called the test set
            if meant is not None and _is_proof(code, statement, label, value, name, meant):
                level = _level(code, statement, value)
                yield _part_claim(code, name, label, meant, part, level)


def _level(code: Code, statement: ast.stmt, value: ast.expr) -> Level | None:
    """Words of a text may mean another value, and so may the argument of any function at all."""
    if not isinstance(statement, ast.Assign) or value is not statement.value:
        return "possible" if isinstance(statement, ast.Expr) and _is_text(statement) else None
    given = isinstance(value, ast.Call) and bool(value.args or value.keywords)
    known = isinstance(value, ast.Call) and "." in (code.name(value.func) or "")
    return "possible" if given and not known else None


def _is_text(statement: ast.Expr) -> bool:
    """Whether a statement prints or logs words."""
    called = statement.value
    last = ast.unparse(called.func).rpartition(".")[2] if isinstance(called, ast.Call) else ""
    return last not in ("append", "add_scalar")


def _value_names(value: ast.expr) -> list[ast.Name]:
    """The names that are handed on whole: the value itself, or arguments of the one call that it is."""
    if isinstance(value, ast.Name):
        return [value]
    if not isinstance(value, ast.Call):
        return []
    if isinstance(value.func, ast.Attribute) and not value.args:
        return _value_names(value.func.value)
    if ast.unparse(value.func).rpartition(".")[2] in ("range", "arange", "slice"):
        return []  # where one part ends the next one begins
    given = [*value.args, *(k.value for k in value.keywords)]
    return [a for a in given if isinstance(a, ast.Name)]


def _counterpart(code: Code, name: ast.Name, own: str, part: str) -> str | None:
    """The name that was meant: the same with the word of the other part, bound where it is used."""
    scope = code.where(name).scope
    for word in sorted(code.words("splits", "names", part)):
        for old in sorted(code.words("splits", "names", part_in(name.id) or "train")):
            meant = exchange(name.id, old, word)
            if meant is None or meant in (name.id, own):
                continue
            if _bound_before(code, scope, meant, name):
                return meant
    return None


def _bound_before(code: Code, scope: Scope, name: str, at: ast.Name) -> bool:
    for bound in scope.bindings.get(name, ()):
        if bound.how == "parameter":
            return True
        if isinstance(bound.node, ast.stmt) and code.leads(bound.node, at):
            return True
    return False


def _is_proof(
    code: Code, statement: ast.stmt, label: str, value: ast.expr, name: ast.Name, meant: str
) -> bool:
    part = part_in(meant)
    words = {part_in(n.id) for n in ast.walk(value) if isinstance(n, ast.Name)}
    if part in words:
        return False
    if isinstance(value, ast.Name) or not _takes(value):
        return not _is_choice(statement, label, name)
    function = ast.unparse(value.func) if isinstance(value, ast.Call) else ""
    if EVALUATES.search(function.rpartition(".")[2]):
        return False  # `eval-on-train` looks at these
    if part_in(function) is not None or re.search(
        r"split|copy|merge|concat|sample|Subset", function
    ):
        return False
    return not _read(code, meant, name) or _has_sibling(code, statement, label)


def _takes(value: ast.expr) -> bool:
    """Whether a value is a call that is given something."""
    return isinstance(value, ast.Call) and bool(value.args or value.keywords)


def _is_choice(statement: ast.stmt, label: str, name: ast.Name) -> bool:
    """`val_set = train_set` may be a fallback; the label of a plain assignment must be a score."""
    if not isinstance(statement, ast.Assign) or not isinstance(
        statement.value, ast.Name | ast.Call
    ):
        return False
    return not re.search(r"loss|acc|score|metric|err|f1|auc", label, re.I)


def _read(code: Code, name: str, near: ast.Name) -> bool:
    scope = code.where(near).scope
    return any(
        isinstance(n.ctx, ast.Load) and n.id == name and code.where(n).scope is scope
        for n in code.nodes(ast.Name)
    )


def _has_sibling(code: Code, statement: ast.stmt, label: str) -> bool:
    """Whether a neighbour does the same for the other part, consistently."""
    block = code.source.index.block(statement)
    mine = _neutral(ast.unparse(statement))
    for other in block:
        if other is statement or not isinstance(other, type(statement)):
            continue
        text = ast.unparse(other)
        words = {part_in(w) for w in re.findall(r"\w+", text)} - {None}
        if len(words) == 1 and part_in(label) not in words and _neutral(text) == mine:
            return True
    return False


def _neutral(text: str) -> str:
    return re.sub(
        r"(?i)(?<![a-z])(train(ing)?|valid(ation)?|val|dev|test|tr|te)(?![a-z])", "§", text
    )


def _part_claim(
    code: Code, name: ast.Name, label: str, meant: str, part: str, level: Level | None
) -> Claim:
    return code.claim(
        name,
        f"`{name.id}` stands where `{label.strip()}` is told, which is of the {part} part: `{meant}` "
        "is there and was surely meant",
        f"use `{meant}`",
        confidence=0.95,
        change=_change(code, name, meant),
        level=level,
        meant=meant,
    )


def _crossed(code: Code) -> Iterator[Claim]:
    for found in crossed(code):
        yield code.claim(
            found.node,
            found.message,
            f"use `{found.meant}`",
            because=found.because,
            confidence=0.95,
            change=_change(code, found.node, found.meant),
            meant=found.meant,
        )


# Two lines of one form, of which the second forgot one change


def _twins(code: Code) -> Iterator[Claim]:
    for where in code.functions:
        node = where.scope.node
        if isinstance(node, FunctionNode) and not node.name.startswith("test"):
            unread = _unread(node, where.scope)
            if unread:
                yield from _repeated(code, node, unread)


def _unread(node: ast.AST, scope: Scope) -> set[str]:
    """The local names and parameters that nothing in the function reads."""
    bound = {
        name
        for name, bindings in scope.bindings.items()
        if all(b.how in ("assign", "parameter", "loop") for b in bindings) and name.strip("_")
    }
    loads = {
        n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    }
    return bound - loads - {"self", "cls"}


def _repeated(code: Code, node: FunctionNode, unread: set[str]) -> Iterator[Claim]:
    for statement in ast.walk(node):
        block = getattr(statement, "body", None)
        if not isinstance(block, list):
            continue
        plain = [s for s in block if isinstance(s, ast.Assign) and isinstance(s.value, ast.Call)]
        for one, other in pairwise(plain):
            yield from _forgotten(code, one, other, unread)


def _forgotten(code: Code, one: ast.Assign, other: ast.Assign, unread: set[str]) -> Iterator[Claim]:
    first, second = ast.unparse(one.targets[0]), ast.unparse(other.targets[0])
    pair = _differ(first, second)
    if pair is None:
        return
    for name in (n for n in ast.walk(other.value) if isinstance(n, ast.Name)):
        for meant in unread:
            alike = _differ(name.id, meant)
            if alike != pair or not isinstance(name.ctx, ast.Load):
                continue
            if _same_but(one.value, other.value, pair, name.id):
                yield code.claim(
                    name,
                    f"`{second}` is computed from `{name.id}`, as `{first}` is, and `{meant}` is never "
                    "used",
                    f"use `{meant}`",
                    because=[code.step("the line it repeats", one)],
                    confidence=0.95,
                    change=_change(code, name, meant),
                    meant=meant,
                )
                return


def _differ(one: str, other: str) -> tuple[str, str] | None:
    """The one word in which two names differ, where these are known to go together."""
    a, b = _WORD.findall(one), _WORD.findall(other)
    a, b = [w for x in a for w in x.split("_")], [w for x in b for w in x.split("_")]
    if len(a) != len(b):
        return None
    apart = [(x, y) for x, y in zip(a, b, strict=True) if x != y]
    if len(apart) != 1:
        return None
    pair = apart[0]
    return pair if pair in _PAIRS or pair[::-1] in _PAIRS else None


def _same_but(one: ast.expr, other: ast.expr, pair: tuple[str, str], kept: str) -> bool:
    """Whether two calls are the same once the words of the pair are exchanged."""
    texts = [ast.unparse(one), ast.unparse(other)]
    exchanged = re.sub(rf"(?<![A-Za-z0-9]){pair[0]}(?![A-Za-z0-9])", pair[1], texts[0])
    exchanged = re.sub(rf"(?<=[a-z_]){pair[0]}(?![A-Za-z0-9])", pair[1], exchanged)
    mine = re.sub(rf"(?<![A-Za-z0-9_]){re.escape(kept)}(?!\w)", "§", texts[1])
    theirs = re.sub(rf"(?<![A-Za-z0-9_]){re.escape(kept)}(?!\w)", "§", texts[0])
    return mine == theirs or texts[1] == exchanged
