"""Episodes that were cut off by a time limit and are learned from as if they had ended."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.project import Where
from labhand.kit.code.source import Source

_DEPTH = 4
_MOST_FILES = 30
_KEEPS = re.compile(
    r"^_?(add|push|append|store|remember|put|insert|save|record|observe|memori[sz]e|cache|extend|"
    r"transition|experience|step|learn|update|train|optimi[sz]e)",
    re.I,
)
_NOT_KEPT = re.compile(r"log|print|writer|wandb|tqdm|stat|metric|monitor|video|env", re.I)
_DISCOUNT = re.compile(r"gamma|discount|\b0\.[89]\d*\b", re.I)
_MASK = re.compile(r"mask|not_?done|non_?term|not_?term|cont(inue)?s?$|alive", re.I)
_ENDED = re.compile(r"done|term|^d$|over|end", re.I)
_VALUE = re.compile(
    r"next_?\w*|nxt|value|critic|target|\bq_?\w*\b|_q\b|\bv_?\w*\b|max|baseline", re.I
)
_HANDLED = re.compile(r"final_obs|TimeLimit\.truncated|time_?out|time_?limit|handle_trunc", re.I)


class Rule:
    """Episodes that were cut off by a time limit and are learned from as if they had ended.

    ## What it does
    Follows `terminated or truncated` from `env.step` to where it is kept or used as the flag that takes
    the value of the next state away (`(1 - done) * next_value`), and reports that place.

    ## Why is this bad
    A time limit is not part of the task: the state at the cut still has a value. With the merged flag
    the agent learns that such states are worth nothing, though they are the ones a good policy reaches.

    ## Known problems
    Silent where the code looks at truncation anywhere else, at `final_obs` or at `TimeLimit.truncated`,
    and where returns are summed without a value (REINFORCE). The old API's single `done` cannot be told.

    ## Example
    ```python
    next_obs, reward, terminated, truncated, _ = env.step(action)
    done = terminated or truncated
    buffer.add(obs, action, reward, next_obs, done)
    ...
    target = rewards + gamma * (1 - dones) * q_target(next_obs).max(1)[0]
    ```

    ## Use instead
    ```python
    buffer.add(obs, action, reward, next_obs, terminated)
    ```

    ## Fix safety
    No fix: whether the state at the cut is known there is the author's to see.

    ## References
    - Pardo et al., Time Limits in Reinforcement Learning, https://arxiv.org/abs/1712.00378.
    - https://gymnasium.farama.org/tutorials/gymnasium_basics/handling_time_limits/
    - Real cases: https://github.com/vwxyzjn/cleanrl/issues/457,
      https://github.com/DLR-RM/stable-baselines3/issues/633, https://github.com/Toni-SM/skrl/issues/449.
    """

    severity: Severity = "warning"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The merged flags of one file that take away the value of a state that was only cut off."""
        if not code.mentions("trunc", "gym") or not code.mentions(".step("):
            return
        merged = [m for m in _merged(code) if code.source.index.parents.get(m) is not None]
        if not merged or _looks_elsewhere(code, merged):
            return
        files = code.project.component(code.source)
        if len(files) > _MOST_FILES or any(_HANDLED.search(one.text) for one in files):
            return
        mask = next((m for one in files for m in _masks(one)), None)
        if mask is None:
            return
        for flag in merged:
            use = _harm(code, flag, _DEPTH)
            if use is not None:
                yield code.claim(
                    use,
                    "this flag is also set where the episode was only cut off: the value of the next state "
                    "is then taken away",
                    "keep `terminated` for the target, and use the merged flag to reset alone",
                    because=[
                        code.step("both are merged here", flag),
                        code.step("and here it takes the next value away", mask[0], mask[1]),
                    ],
                    confidence=0.88,
                )


def _merged(code: Code) -> Iterator[ast.expr]:
    """The expressions that merge what `step` says of ending and of being cut off."""
    for node in code.nodes(ast.BoolOp):
        if isinstance(node.op, ast.Or) and _both(code, node.values):
            yield node
    for operation in code.operations(ast.BitOr):
        if _both(code, [operation.left, operation.right]):
            yield operation
    names = ("numpy.logical_or", "torch.logical_or", "jax.numpy.logical_or", "numpy.maximum", "max")
    for call in code.calls(*names):
        if _both(code, call.node.args):
            yield call.node


_ENDED_AT = 2
"""Where `step` says that the episode has ended."""


def _both(code: Code, parts: list[ast.expr]) -> bool:
    return {2, 3} <= {_position(code, part) for part in parts}


def _position(code: Code, part: ast.expr) -> int | None:
    """Which element of what `step` gives an expression is."""
    if isinstance(part, ast.Call) and len(part.args) == 1:
        part = part.args[0]
    if not isinstance(part, ast.Name):
        return None
    _, bindings = code.project.reaching(part, code.where(part))
    for bound in bindings:
        value = bound.value
        if isinstance(value, ast.Call) and ast.unparse(value.func).endswith(".step") and bound.path:
            return bound.path[0]
    return None


def _looks_elsewhere(code: Code, merged: list[ast.expr]) -> bool:
    """Whether truncation is looked at anywhere but in the merging."""
    inside = {id(n) for m in merged for n in ast.walk(m)}
    every: list[ast.Name | ast.Attribute] = [*code.nodes(ast.Name), *code.nodes(ast.Attribute)]
    for node in every:
        written = node.id if isinstance(node, ast.Name) else node.attr
        if "trunc" in written.lower() and isinstance(node.ctx, ast.Load) and id(node) not in inside:
            above = code.source.index.parents.get(node)
            if (
                isinstance(above, ast.Call)
                and node in above.args
                and "print" in ast.unparse(above.func)
            ):
                continue
            return True
    return False


def _masks(source: Source) -> Iterator[tuple[ast.expr, Where]]:
    """The statements of a file that take the next value away by a flag, with a discount in them."""
    if not _DISCOUNT.search(source.text):
        return
    yield from _zeroed(source)
    for kind in (ast.BinOp, ast.IfExp):
        for node in source.index.by_type.get(kind, []):
            if not isinstance(node, ast.BinOp | ast.IfExp):
                continue
            statement = source.index.statement(node)
            text = ast.unparse(node)
            if not _DISCOUNT.search(text) or not _flagged(node):
                continue
            own = {ast.unparse(t) for t in getattr(statement, "targets", [])}
            words = {
                ast.unparse(n) for n in ast.walk(node) if isinstance(n, ast.Name | ast.Attribute)
            }
            rest = {w for w in words - own if not _DISCOUNT.search(w)}
            if any(_VALUE.search(w.rpartition(".")[2]) for w in rest if not _ENDED.search(w)):
                yield node, Where(source, source.index.scope(node))
                return


def _zeroed(source: Source) -> Iterator[tuple[ast.expr, Where]]:
    """`next_values[dones] = 0`, in a file that discounts."""
    for node in source.index.by_type.get(ast.Assign, []):
        match node:
            case ast.Assign(
                targets=[ast.Subscript(value=ast.Name(id=name), slice=flag) as target],
                value=ast.Constant(value=0),
            ) if _VALUE.search(name) and _ENDED.search(ast.unparse(flag)):
                yield target, Where(source, source.index.scope(node))
                return


def _flagged(node: ast.expr) -> bool:
    """Whether an expression holds `1 - done`, `~done`, `not done` or a mask."""
    for part in ast.walk(node):
        match part:
            case ast.BinOp(left=ast.Constant(value=1), op=ast.Sub(), right=flag):
                if _ENDED.search(ast.unparse(flag)):
                    return True
            case ast.UnaryOp(op=ast.Invert() | ast.Not(), operand=flag):
                if _ENDED.search(ast.unparse(flag)):
                    return True
            case ast.Name(id=name) | ast.Attribute(attr=name):
                if _MASK.search(name):
                    return True
            case ast.IfExp(test=flag):
                if _ENDED.search(ast.unparse(flag)):
                    return True
    return False


def _harm(code: Code, flag: ast.expr, depth: int) -> ast.expr | None:
    """Where a flag, or a name that it is bound to, is kept or takes a value away."""
    kept = _kept_within(code, flag)
    if kept is not None:
        return flag if kept else None
    statement = code.source.index.statement(flag)
    if not isinstance(statement, ast.Assign | ast.AnnAssign) or depth == 0:
        return None
    targets: list[ast.expr] = (
        list(statement.targets) if isinstance(statement, ast.Assign) else [statement.target]
    )
    if any(isinstance(t, ast.Subscript) for t in targets):
        return flag
    names = _names_for(targets, statement.value, flag)
    for use in code.uses(statement):
        if use.id in names and use is not flag:
            found = _harm(code, use, depth - 1)
            if found is not None:
                return found
    return None


def _kept_within(code: Code, flag: ast.expr) -> bool | None:
    """Whether its own statement keeps a flag or takes a value away by it; None: it only passes it on."""
    inner: ast.AST = flag
    for above in code.source.index.ancestors(flag):
        if isinstance(above, ast.Call) and inner is not above.func and _keeps(above):
            own = {*ast.walk(flag)}
            others = [n for n in ast.walk(above) if isinstance(n, ast.Name) and n not in own]
            return all(_position(code, n) != _ENDED_AT for n in others)
        if isinstance(above, ast.BinOp | ast.IfExp) and _DISCOUNT.search(ast.unparse(above)):
            return True
        if isinstance(above, ast.stmt):
            return None
        if isinstance(above, ast.Compare) or (isinstance(above, ast.IfExp) and inner is above.test):
            return False  # it only chooses between other values
        inner = above
    return None


def _names_for(targets: list[ast.expr], value: ast.expr | None, flag: ast.expr) -> set[str]:
    """The names that get a flag from an assignment, element for element where both sides are tuples."""
    found: set[str] = set()
    for target in targets:
        pairs = [(target, value)]
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs = list(zip(target.elts, value.elts, strict=False))
        for to, given in pairs:
            held = given is not None and any(n is flag for n in ast.walk(given))
            if held and isinstance(to, ast.Name):
                found.add(to.id)
    return found


def _keeps(call: ast.Call) -> bool:
    """Whether a call keeps what it is given for learning: `buffer.add(…)`, `Transition(…)`."""
    function = call.func
    if isinstance(function, ast.Attribute):
        around = ast.unparse(function.value)
        return bool(_KEEPS.match(function.attr)) and not _NOT_KEPT.search(around)
    name = ast.unparse(function)
    many = len(call.args) + len(call.keywords) >= 4
    return many and (name[:1].isupper() or bool(_KEEPS.match(name)))
