"""An attribute that is set under a name which nothing reads."""

import ast
import difflib
import re
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.training import proves_optimizer

_NEAR = 0.84
_MODEL = re.compile(r"(^|_)(model|net|network|encoder|decoder|backbone|generator|critic)\d*$", re.I)
_PART = re.compile(
    r"^(layer\d+|fc\d*|classifier|features|conv\d*|bn\d*|backbone|encoder|decoder|head)$"
)
_SWITCHES = frozenset({"requires_grad", "training", "trainable", "deterministic", "benchmark"})


class Rule:
    """An attribute that is set under a name which nothing reads.

    ## What it does
    Reports assignments that Python accepts and the library never sees: `p.require_grad = False`,
    `model.requires_grad = False` on a whole module, `model.training = False`, `optimizer.lr = 1e-4`,
    `torch.manual_seed = 0`, a misspelt `cudnn.deterministic`, and `p.requires_grad == False`.

    ## Why is this bad
    The layers that were to be frozen go on training, the learning rate stays, the seed is not set. No
    error is raised, since an object of Python takes any attribute.

    ## Known problems
    Silent where the object may define the attribute itself, and where `training` is set for each module
    of a loop over `modules()`.

    ## Example
    ```python
    for p in backbone.parameters():
        p.require_grad = False
    ```

    ## Use instead
    ```python
    for p in backbone.parameters():
        p.requires_grad = False
    ```

    ## Fix safety
    Scientific: what was meant to be frozen or seeded then is.

    ## References
    - https://docs.pytorch.org/docs/stable/notes/autograd.html#setting-requires-grad
    - https://github.com/meta-pytorch/torchfix (its TOR002 knows `require_grad`)
    - Real cases: `layers/Embed.py` of https://github.com/thuml/Time-Series-Library sets `pe.require_grad`;
      `models/pvt_v2.py` of timm 1.0 sets `self.patch_embed.requires_grad`, a whole module.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The assignments of one file that set what nothing reads."""
        if code.is_test:
            return
        for node in code.nodes(ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Attribute):
                    yield from _attribute(code, node, target)
                elif isinstance(target, ast.Subscript):
                    yield from _group(code, target)
        for statement in code.nodes(ast.Expr):
            yield from _compared(code, statement)
        if code.mentions("require"):
            yield from _keywords(code)


def _attribute(code: Code, node: ast.Assign, target: ast.Attribute) -> Iterator[Claim]:
    name = target.attr
    wrong = next(
        (
            found
            for ask in (_misspelt, _whole_module, _mode, _optimizer, _function)
            if (found := ask(code, node, target)) is not None
        ),
        None,
    )
    if wrong is not None:
        message, advice, edits = wrong
        change = Change("scientific", advice[0].upper() + advice[1:], edits) if edits else None
        yield code.claim(target, message, advice, confidence=0.97, change=change, attribute=name)


_Wrong = tuple[str, str, list]  # type: ignore[type-arg]


def _misspelt(code: Code, node: ast.Assign, target: ast.Attribute) -> _Wrong | None:
    right = _meant(code, target)
    if right is None or (right == "requires_grad" and _is_so_anyway(code, node, target)):
        return None
    base = code.text(target.value)
    shown = ast.unparse(target)
    return (
        f"`{shown}` is set, but the attribute is called `{right}`: nothing reads this one",
        f"write `{ast.unparse(target.value)}.{right}`",
        [code.replace(target, f"{base}.{right}")],
    )


def _is_so_anyway(code: Code, node: ast.Assign, target: ast.Attribute) -> bool:
    """Whether it switches off the gradient of a new tensor, which has none."""
    fresh = {*code.words("results", "factories", "tensor")} - {"torch.cat", "torch.stack"}
    made = code.made_by(target.value, *fresh)
    off = isinstance(node.value, ast.Constant) and node.value.value is False
    return off and made is not None and made.arg(None, "requires_grad") is None


def _meant(code: Code, target: ast.Attribute) -> str | None:
    """The attribute that a misspelt one is near to, of what is surely such an object."""
    name = target.attr
    if "requ" in name and code.mentions("torch", "parameters("):
        near = name.strip("_") not in ("requires_grad",) and _near(name, "requires_grad")
        if near and not _defines(code, name):
            return "requires_grad"
    base = code.name(target.value) or ""
    last = ast.unparse(target.value).rpartition(".")[2]
    for kind, known in code.table("attributes")["of"].items():
        if base != kind and last != kind:
            continue
        close = difflib.get_close_matches(name, known, 1, _NEAR)
        if close and name not in known and not (name + "s" in known or _defines(code, name)):
            return str(close[0])
    return None


def _near(name: str, known: str) -> bool:
    return difflib.SequenceMatcher(None, name, known).ratio() >= _NEAR


def _defines(code: Code, name: str) -> bool:
    """Whether the project has a thing of its own by this name, or reads it."""
    if any(name in c.attributes or name in c.methods for c in code.source.index.classes):
        return True
    reads = [n for n in code.nodes(ast.Attribute) if n.attr == name]
    return any(isinstance(n.ctx, ast.Load) for n in reads)


def _whole_module(code: Code, node: ast.Assign, target: ast.Attribute) -> _Wrong | None:
    value = node.value
    flag = isinstance(value, ast.Constant) and isinstance(value.value, bool)
    if target.attr not in ("requires_grad", "requires_grad_", "trainable") or not flag:
        return None
    if target.attr == "requires_grad_":
        pass
    elif not _is_module(code, target.value) or _read(code, target.attr):
        return None
    base, given = code.text(target.value), code.text(value)
    text = f"{base}.requires_grad_({given})"
    return (
        f"`{ast.unparse(target)}` is a plain attribute here: the parameters go on as they were",
        f"call `{ast.unparse(target.value)}.requires_grad_({given})`",
        [code.replace(node, text)] if len(node.targets) == 1 else [],
    )


def _read(code: Code, name: str) -> bool:
    if name == "requires_grad":
        return False
    return any(isinstance(n.ctx, ast.Load) and n.attr == name for n in code.nodes(ast.Attribute))


def _is_module(code: Code, value: ast.expr) -> bool:
    """Whether it is surely a torch module with parameters, not one of them."""
    if isinstance(value, ast.Name) and _from_modules(code, value):
        return True
    if isinstance(value, ast.Name) and value.id == "self":
        return False
    if code.is_a(value, "torch.nn.Module"):
        return True
    prefixes = tuple(code.table("layers")["models"]["mode"])
    for origin in code.origins(value):
        name = origin.name
        layer = name.startswith("torch.nn.") and name.count(".") == 2 and "Parameter" not in name
        if origin.kind == "made" and (layer or name.startswith(prefixes)):
            return True
    if isinstance(value, ast.Attribute) and _PART.match(value.attr):
        return _is_module(code, value.value)
    return False


def _from_modules(code: Code, name: ast.Name) -> bool:
    """Whether a loop over `children()` or `modules()` gives it."""
    bindings = code.project.reaching(name, code.where(name))[1]
    return bool(bindings) and all(
        b.how == "loop"
        and b.value is not None
        and re.search(r"\.(children|modules)\(\)$", ast.unparse(b.value)) is not None
        for b in bindings
    )


def _mode(code: Code, node: ast.Assign, target: ast.Attribute) -> _Wrong | None:
    value = node.value
    if target.attr not in ("training", "train", "eval"):
        return None
    if not isinstance(value, ast.Constant) or not isinstance(value.value, bool):
        return None
    base = target.value
    if isinstance(base, ast.Name) and (base.id in ("self", "cls") or _from_modules(code, base)):
        return None
    named = _MODEL.search(ast.unparse(base).rpartition(".")[2]) and code.mentions("torch")
    if not (_is_module(code, base) or (named and _unknown(code, base))):
        return None
    made = code.made_by(base)
    single = made is not None and "mode" in (made.entry("layers") or {})
    if target.attr == "training" and single:
        return None  # it has no layers but itself
    on = value.value if target.attr != "eval" else not value.value
    text = f"{code.text(base)}.{'train' if on else 'eval'}()"
    why = (
        "only the module itself is switched: its layers keep their mode"
        if target.attr == "training"
        else f"the method `{target.attr}` is overwritten, and no mode is set"
    )
    return (
        f"`{ast.unparse(node)}`: {why}",
        f"call `{text}`",
        [code.replace(node, text)] if len(node.targets) == 1 else [],
    )


def _unknown(code: Code, base: ast.expr) -> bool:
    """Whether nothing speaks against an object being a torch module."""
    found = code.origins(base)
    return all(o.kind in ("parameter", "unknown") for o in found)


def _optimizer(code: Code, node: ast.Assign, target: ast.Attribute) -> _Wrong | None:
    if target.attr not in ("lr", "learning_rate", "weight_decay", "momentum"):
        return None
    base = target.value
    if not code.mentions("torch") or not isinstance(base, ast.Name | ast.Attribute):
        return None
    found = code.origins(base)
    if not found or not proves_optimizer(code.project, base, code.where(base)):
        return None
    if any(o.kind in ("instance", "unknown") for o in found) or _read_of(code, target):
        return None
    key = "lr" if target.attr == "learning_rate" else target.attr
    text = ast.unparse(base)
    return (
        f"`{ast.unparse(target)}` is a plain attribute: the optimizer steps with the `{key}` of its "
        "`param_groups`",
        f'set `group["{key}"]` for each group of `{text}.param_groups`',
        [],
    )


def _read_of(code: Code, target: ast.Attribute) -> bool:
    text = ast.unparse(target)
    same = [n for n in code.nodes(ast.Attribute) if n.attr == target.attr]
    return any(isinstance(n.ctx, ast.Load) and ast.unparse(n) == text for n in same)


def _function(code: Code, node: ast.Assign, target: ast.Attribute) -> _Wrong | None:
    name = code.name(target)
    if name is None or name not in code.words("attributes", "functions", "call"):
        return None
    if not isinstance(node.value, ast.Constant | ast.Name | ast.Attribute):
        return None
    if isinstance(node.value, ast.Name) and code.project.definition(
        node.value, code.where(node.value)
    ):
        return None
    text, given = code.text(target), code.text(node.value)
    return (
        f"`{text}` is a function: this puts a value in its place and calls nothing",
        f"call `{text}({given})`",
        [code.replace(node, f"{text}({given})")] if len(node.targets) == 1 else [],
    )


def _group(code: Code, target: ast.Subscript) -> Iterator[Claim]:
    """`group["learning_rate"] = …` of an optimizer's groups, whose key is `lr`."""
    key = target.slice
    if not isinstance(key, ast.Constant) or not code.mentions("param_groups"):
        return
    known = code.table("attributes")["keys"].items()
    right = next((k for k, wrong in known if key.value in wrong), None)
    if right is None or not _is_group(code, target.value):
        return
    yield code.claim(
        target,
        f"`{ast.unparse(target)}` sets a key that no optimizer of torch reads; it is called `{right}`",
        f'write `["{right}"]`',
        confidence=0.95,
        change=Change("scientific", f"Write the key `{right}`", [code.replace(key, f'"{right}"')]),
    )


def _is_group(code: Code, value: ast.expr) -> bool:
    if isinstance(value, ast.Subscript):
        return ast.unparse(value.value).endswith("param_groups")
    if not isinstance(value, ast.Name):
        return False
    bindings = code.project.reaching(value, code.where(value))[1]
    values = [ast.unparse(b.value) for b in bindings if b.how == "loop" and b.value is not None]
    return bool(values) and all(v.endswith("param_groups") for v in values)


def _compared(code: Code, statement: ast.Expr) -> Iterator[Claim]:
    """`p.requires_grad == False`, a comparison where an assignment was meant."""
    node = statement.value
    if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq):
        return
    left = node.left
    if not isinstance(left, ast.Attribute) or left.attr not in _SWITCHES or len(node.ops) > 1:
        return
    right = node.comparators[0]
    text = f"{code.text(left)} = {code.text(right)}"
    yield code.claim(
        node,
        f"`{ast.unparse(node)}` compares and throws the answer away: nothing is set",
        f"write `{text}`",
        confidence=0.98,
        change=Change("scientific", "Assign instead of comparing", [code.replace(node, text)]),
    )


def _keywords(code: Code) -> Iterator[Claim]:
    for keyword in code.nodes(ast.keyword):
        name = keyword.arg or ""
        if "requ" not in name or name == "requires_grad" or not _near(name, "requires_grad"):
            continue
        call = code.source.index.parents[keyword]
        made = code.call(call) if isinstance(call, ast.Call) else None
        if made is None or made.target is not None or not (made.name or "").startswith("torch."):
            continue
        yield code.claim(
            keyword.value,
            f"`{name}=` is no argument of `{ast.unparse(made.node.func)}`; it is called `requires_grad`",
            f"write `requires_grad={ast.unparse(keyword.value)}`",
            confidence=0.95,
        )
