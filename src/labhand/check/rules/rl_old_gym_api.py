"""Environments that are spoken to as before Gymnasium."""

import ast
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Edit, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call

_MAKES = ("gymnasium.make", "gymnasium.wrappers.", "gymnasium.vector.", "gymnasium.experimental.")
_OTHERS = ("stable_baselines3", "shimmy", "sb3_contrib", "gym3", "procgen", "isaacgym", "dm_env")
_TAKES_ARRAY = ("torch.", "numpy.", "jax.numpy.", "tensorflow.")


class Rule:
    """Environments that are spoken to as before Gymnasium.

    ## What it does
    Reports, for environments that `gymnasium` makes: `step` unpacked into four, `reset` taken as the
    observation alone, `env.seed(…)` and `env.render(mode=…)`. For the old `gym`, where the version cannot be
    told, it reports the two halves of one file that cannot both be right.

    ## Why is this bad
    Since gym 0.26 and in Gymnasium `step` gives five things and `reset` a pair. Four names fail at the
    first step; a pair that is taken as the observation fails later, or becomes an array of odd shape.

    ## Known problems
    Environments of the project's own classes, wrappers of its own, and those of stable-baselines3 are left
    out: they may keep the old way.

    ## Example
    ```python
    env = gymnasium.make("CartPole-v1")
    obs = env.reset()
    obs, reward, done, info = env.step(action)
    ```

    ## Use instead
    ```python
    obs, info = env.reset(seed=0)
    obs, reward, terminated, truncated, info = env.step(action)
    done = terminated or truncated
    ```

    ## Fix safety
    Neutral: the code did not run before. `done` becomes `terminated or truncated` where it only ends loops;
    elsewhere there is no fix, since a target wants `terminated` alone.

    ## References
    - https://gymnasium.farama.org/introduction/migration_guide/
    - Real case: https://github.com/datawhalechina/easy-rl/issues/126.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The calls of one file that Gymnasium answers otherwise."""
        if not code.mentions("gym") or not code.mentions(".reset(", ".step("):
            return
        for call in code.calls(".step"):
            if _unpacked(code, call) == 4 and (_new(code, call) or _other_half(code, ".reset", 2)):
                yield _step(code, call)
        for call in code.calls(".reset"):
            taken = _alone(code, call)
            if taken and (_new(code, call) or (_old(code, call) and _other_half(code, ".step", 5))):
                yield _reset(code, call)
        for call in code.calls(".seed", ".render"):
            if _new(code, call):
                yield from _removed(code, call)


def _new(code: Code, call: Call) -> bool:
    """Whether the environment is surely one of Gymnasium's, as it comes."""
    if (call.name or "").startswith(_MAKES):
        return True
    if call.receiver is None or call.target is not None or code.mentions(*_OTHERS):
        return False
    found = code.origins(call.receiver)
    given = all(o.kind == "parameter" for o in found)
    named = ast.unparse(call.receiver) == "env" and call.method in ("step", "reset")
    bases = [ast.unparse(b) for k in code.source.index.classes for b in k.node.bases]
    wraps = any("Wrapper" in b or "Env" in b for b in bases)
    imported = {name for name, _, _ in code.source.index.imports}
    makes = bool(code.calls("gymnasium.make"))
    return given and named and makes and not wraps and "gym" not in imported


def _old(code: Code, call: Call) -> bool:
    """Whether it is an environment of the old package, of unknown version."""
    return (call.name or "").startswith(("gym.make", "gym.wrappers.", "gym.vector."))


def _other_half(code: Code, method: str, count: int) -> bool:
    """Whether the same file takes what the other method gives in the new way, in each of its calls."""
    counts = {
        _unpacked(code, c)
        for c in code.calls(method)
        if _old(code, c) and not c.node.keywords and _unpacked(code, c)
    }
    return counts == {count}


def _unpacked(code: Code, call: Call) -> int | None:
    """Into how many names a call's answer is unpacked."""
    statement = code.source.index.parents.get(call.node)
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return None
    target = statement.targets[0]
    if not isinstance(target, ast.Tuple | ast.List):
        return None
    return None if any(isinstance(e, ast.Starred) for e in target.elts) else len(target.elts)


def _alone(code: Code, call: Call) -> bool:
    """Whether what `reset` gives is taken as the observation."""
    above = code.source.index.parents.get(call.node)
    if isinstance(above, ast.Call):
        name = code.call(above).name or ""
        return call.node in above.args[:1] and name.startswith(_TAKES_ARRAY)
    if not isinstance(above, ast.Assign) or len(above.targets) != 1:
        return False
    target = above.targets[0]
    if isinstance(target, ast.Attribute):
        return not any(_splits(code, n) for n in code.nodes(ast.Attribute) if n.attr == target.attr)
    if not isinstance(target, ast.Name):
        return False
    uses = code.uses(above)
    return bool(uses) and not any(_splits(code, use) for use in uses)


def _splits(code: Code, use: ast.expr) -> bool:
    """Whether a use takes the pair apart, asks what it is, or hands it back."""
    above = code.source.index.parents.get(use)
    match above:
        case ast.Subscript(slice=ast.Constant(value=int())) if above.value is use:
            return True
        case ast.Assign(targets=[ast.Tuple() | ast.List()]) | ast.Return() | ast.Starred():
            return True
        case ast.Call(func=ast.Name(id="isinstance" | "len" | "type" | "tuple")):
            return True
    return False


def _reset(code: Code, call: Call) -> Claim:
    above = code.source.index.parents.get(call.node)
    change = None
    if isinstance(above, ast.Assign) and isinstance(above.targets[0], ast.Name):
        target = above.targets[0]
        edit = code.replace(target, f"{target.id}, _")
        change = Change("neutral", "Take the pair apart", [edit])
    receiver = ast.unparse(call.receiver) if call.receiver is not None else "env"
    return code.claim(
        call.node,
        f"`{receiver}.reset()` gives a pair, the observation and a dict; here it is taken as the observation",
        f"write `obs, info = {receiver}.reset()`",
        confidence=0.95,
        change=change,
    )


def _step(code: Code, call: Call) -> Claim:
    receiver = ast.unparse(call.receiver) if call.receiver is not None else "env"
    return code.claim(
        call.node,
        f"`{receiver}.step()` gives five things since gym 0.26; here it is unpacked into four",
        "unpack `obs, reward, terminated, truncated, info`, and tell the end from the cut",
        confidence=0.97,
        change=_five(code, call),
    )


def _five(code: Code, call: Call) -> Change | None:
    """Unpacks five and merges the flags, where the merged one only ends loops."""
    statement = code.source.index.parents[call.node]
    assert isinstance(statement, ast.Assign)
    target = statement.targets[0]
    assert isinstance(target, ast.Tuple | ast.List)
    flag = target.elts[2]
    if not isinstance(flag, ast.Name) or code.mentions("terminated", "truncated", "truncation"):
        return None
    edits: list[Edit] = []
    if flag.id == "_":
        edits = [code.replace(flag, "_, _")]
    elif all(_only_ends(code, use) for use in code.uses(statement) if use.id == flag.id):
        merged = f"{flag.id} = terminated or truncated"
        edits = [code.replace(flag, "terminated, truncated"), code.after(statement, merged)]
    return Change("neutral", "Unpack five", edits) if edits else None


def _only_ends(code: Code, use: ast.Name) -> bool:
    """Whether a flag is only asked by an `if` or a `while`."""
    inner: ast.AST = use
    for above in code.source.index.ancestors(use):
        if isinstance(above, ast.If | ast.While | ast.IfExp):
            return inner is above.test
        if not isinstance(above, ast.BoolOp | ast.UnaryOp):
            return False
        inner = above
    return False


def _removed(code: Code, call: Call) -> Iterator[Claim]:
    receiver = ast.unparse(call.receiver) if call.receiver is not None else "env"
    if call.method == "seed":
        yield code.claim(
            call.node,
            f"`{receiver}.seed()` is gone in Gymnasium: an environment is seeded when it is reset",
            f"write `{receiver}.reset(seed=…)` for the first reset",
            confidence=0.93,
        )
    elif call.arg(0, "mode") is not None:
        yield code.claim(
            call.node,
            f"`{receiver}.render()` takes no mode in Gymnasium: it is chosen when the environment is made",
            "write `gymnasium.make(…, render_mode=…)`",
            confidence=0.93,
        )
