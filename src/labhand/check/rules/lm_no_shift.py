"""A language model that is trained to give back the token it was given."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code import language
from labhand.kit.code.calls import Call
from labhand.kit.code.facts import Spot
from labhand.kit.code.graph import runs_module
from labhand.kit.code.model import Scope
from labhand.kit.code.origins import receiver_class
from labhand.kit.code.project import Known, Where

_CAUSAL_CODE = re.compile(r"tril|triu|is_causal\s*=\s*True|causal_mask|generate_square_subsequent")
_NAMED = re.compile(r"gpt|\blm\b|_lm|lm_|language|decoder|causal|char_?rnn|transformer_?lm", re.I)
_SHIFTS = re.compile(r"(?<!shape)(?<!size\(\))\[[^\]]*:-1\b|\broll\(|shift|\bpad\(")
"""How a model moves its input itself, a token put in front: `cat([start, x[:-1]])`."""
_SHAPES = frozenset(
    "view reshape flatten contiguous to long cuda clone ravel type squeeze int t transpose permute".split()
)


class Rule:
    """A language model that is trained to give back the token it was given.

    ## What it does
    Reports a cross-entropy between the logits of a causal language model and the very ids it was given,
    neither side shifted, or both cut alike; and inputs and targets that are the same slice of the text.

    ## Why is this bad
    The answer stands in the input at the same position. The loss falls to nearly zero within minutes, and
    the model has learnt to copy: what it generates repeats itself.

    ## Known problems
    Only models that are causal for sure: decoders of transformers, and classes with a causal mask or a
    telling name. Masked language models and autoencoders give back their input on purpose.

    ## Example
    ```python
    logits = model(ids).logits
    loss = F.cross_entropy(logits.view(-1, logits.size(-1)), ids.view(-1))
    ```

    ## Use instead
    ```python
    loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    ```

    ## Fix safety
    No fix: the shift may belong to the loss or to the data.

    ## References
    - https://huggingface.co/docs/transformers/tasks/language_modeling
    - A real case: https://github.com/huggingface/transformers/issues/27517.
    """

    severity: Severity = "error"
    level: Level = "possible"

    def check(self, code: Code) -> Iterator[Claim]:
        """The losses of one file that ask a language model for its own input."""
        if code.mentions("cross_entropy", "CrossEntropyLoss", "nll_loss", "NLLLoss"):
            yield from _copied(code)
            yield from _own_targets(code)
        if code.mentions("[i:i", "[i : i", ":-1]", "block", "seq_len", "context"):
            yield from _same_slices(code)


def _copied(code: Code) -> Iterator[Claim]:
    for call, loss in code.known("losses", "takes"):
        if "target" not in loss or loss.get("classes") != "many":
            continue
        given, target = call.arg(*loss["input"]), call.arg(*loss["target"])
        if given is None or target is None:
            continue
        made = _model_call(code, given)
        ids = _ids(made.node) if made is not None and isinstance(made.node, ast.Call) else None
        if made is None or ids is None:
            continue
        wanted, cut = _plain(code, code.spot(target))
        held, own_cut = _plain(code, made.at(ids, ()))
        if wanted is None or held is None or not _one(code, wanted, held):
            continue
        if own_cut is None and cut == _cut_of(code, given):
            yield code.claim(
                call.node,
                f"the targets are `{ast.unparse(held.node)}`, which the model was given, at the same "
                "positions: it learns to copy, not to predict",
                "hold the logits `[:, :-1]` against the ids `[:, 1:]`",
                because=[code.step("the model is given them here", made.node, made.where)],
                confidence=0.92,
            )


def _own_targets(code: Code) -> Iterator[Claim]:
    """A causal model of the project that takes its targets, and is given its input as such."""
    for node in code.nodes(ast.Call):
        if len(node.args) + len(node.keywords) != 2 or not node.args:
            continue
        first, second = node.args[0], [*node.args, *(k.value for k in node.keywords)][1]
        if not isinstance(first, ast.Name) or ast.unparse(first) != ast.unparse(second):
            continue
        call = code.call(node)
        target = call.target
        if not isinstance(target, Where) or target.scope.name != "forward":
            continue
        names = target.scope.parameters[1:3]
        takes = len(names) == 2 and re.match(r"targets?$|labels?$|y$|tgt$", names[1])
        shifts = any(language.shift(n) for n in ast.walk(target.scope.node))
        if takes and not shifts and _causal(code, call, code.spot(node)):
            yield code.claim(
                node,
                f"the targets are `{first.id}`, which the model is given, at the same positions: it learns "
                "to copy, not to predict",
                "give it the ids one token later as targets",
                because=[code.step("the loss is taken in here", target.scope.node, target)]
                if isinstance(target.scope.node, ast.stmt)
                else [],
                confidence=0.9,
            )


def _model_call(code: Code, given: ast.expr) -> Spot | None:
    """The call of a causal language model whose logits a value is."""
    spot: Spot | None = code.spot(given)
    for _ in range(10):
        if spot is None:
            return None
        node = spot.node
        if isinstance(node, ast.Call):
            call = code.call(node, spot.where)
            if _causal(code, call, spot):
                return spot
            through = call.method in _SHAPES and call.receiver is not None
            spot = spot.at(call.receiver, ()) if through and call.receiver is not None else None
        elif isinstance(node, ast.Subscript | ast.Attribute):
            spot = spot.at(node.value, ())
        elif isinstance(node, ast.Name):
            spot = _bound(code, node, spot)
        else:
            return None
    return None


def _bound(code: Code, name: ast.Name, spot: Spot) -> Spot | None:
    home, bindings = code.project.reaching(name, spot.where)
    values = [
        b.value
        for b in bindings
        if b.how == "assign"
        and b.value is not None
        and (not b.path or isinstance(b.value, ast.Call))
    ]
    return (
        spot._replace(where=home).at(values[0], ()) if len(values) == len(bindings) == 1 else None
    )


def _causal(code: Code, call: Call, spot: Spot) -> bool:
    node = call.node
    if language.model_kind(code.project, node.func, call.where) == "causal":
        return not any(k.arg == "labels" for k in node.keywords)
    if not runs_module(call, spot):
        return False
    known = receiver_class(code.project, node.func, call.where)
    if known is None or any(_SHIFTS.search(t) for t in _texts(code, known)):
        return False
    if _NAMED.search(known.klass.name) and not re.search(r"vae|auto", known.klass.name, re.I):
        return True
    return any(_CAUSAL_CODE.search(t) for t in _texts(code, known))


def _texts(code: Code, known: Known) -> Iterator[str]:
    """The text of a class and of the modules of the project that it makes."""
    yield ast.unparse(known.klass.node)
    scopes: list[Scope] = list(known.klass.methods.values())
    for scope in scopes:
        for node in scope.calls:
            target = code.call(node, code.module._replace(source=known.source, scope=scope)).target
            if isinstance(target, Known) and target.klass is not known.klass:
                yield ast.unparse(target.klass.node)


def _ids(node: ast.Call) -> ast.expr | None:
    for keyword in node.keywords:
        if keyword.arg in ("input_ids", "ids", "x", "idx", "tokens", "src"):
            return keyword.value
    return node.args[0] if node.args and not isinstance(node.args[0], ast.Starred) else None


def _plain(code: Code, spot: Spot) -> tuple[Spot | None, str | None]:
    """The value under changes of shape and names, and the cut that is taken of it (None: none)."""
    cut: str | None = None
    for _ in range(10):
        node = spot.node
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr not in _SHAPES:
                return None, None
            spot = spot.at(node.func.value, ())
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice | ast.Tuple):
            how = language.shift(node)
            if how is None or cut is not None:
                return None, None
            cut, spot = how, spot.at(node.value, ())
        elif isinstance(node, ast.Name):
            found = _bound(code, node, spot)
            if found is None or not _changes_shape(found.node):
                return spot, cut
            spot = found
        else:
            return spot, cut
    return None, None


def _changes_shape(node: ast.expr) -> bool:
    if isinstance(node, ast.Subscript):
        return language.shift(node) is not None
    named = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    return isinstance(node, ast.Name) or (
        named and isinstance(node, ast.Call) and getattr(node.func, "attr", "") in _SHAPES
    )


def _one(code: Code, one: Spot, other: Spot) -> bool:
    """Whether two expressions are surely the same value: written alike, and bound by the same statements."""
    if one.where.scope is not other.where.scope or ast.unparse(one.node) != ast.unparse(other.node):
        return False
    if isinstance(one.node, ast.Subscript):
        return isinstance(one.node.slice, ast.Constant)
    if not isinstance(one.node, ast.Name) or not isinstance(other.node, ast.Name):
        return False
    first = code.project.reaching(one.node, one.where)[1]
    second = code.project.reaching(other.node, other.where)[1]
    return {id(b.node) for b in first} == {id(b.node) for b in second}


def _cut_of(code: Code, given: ast.expr) -> str | None:
    """The cut that is taken of the logits."""
    found = [language.shift(n) for n in code.behind(given) if isinstance(n, ast.Subscript)]
    return next((f for f in found if f), None)


# Inputs and targets that are cut alike


def _same_slices(code: Code) -> Iterator[Claim]:
    """`x = data[i:i+n]; y = data[i:i+n]`, one statement after the other."""
    if not _CAUSAL_CODE.search(code.source.text) and not _NAMED.search(code.source.text):
        return
    for statement in code.nodes(ast.Assign):
        block = code.source.index.block(statement)
        place = block.index(statement) if statement in block else -1
        following = block[place + 1] if -1 < place < len(block) - 1 else None
        if not isinstance(following, ast.Assign) or not _slices_text(statement.value):
            continue
        x, y = (ast.unparse(s.targets[0]) for s in (statement, following))
        paired = (
            (x[:1], y[:1]) in {("x", "y"), ("i", "t"), ("s", "t")} or "target" in y or "label" in y
        )
        if paired and ast.unparse(statement.value) == ast.unparse(following.value):
            yield code.claim(
                following.value,
                f"`{y}` is cut from the text as `{x}` is, at the same positions: the model learns to copy, "
                "not to predict",
                f"begin `{y}` one token later",
                because=[code.step("the inputs are cut here", statement)],
                confidence=0.9,
            )


def _slices_text(value: ast.expr) -> bool:
    """Whether a value is a window of a longer text: `d[i:i + n]`, `chunk[:-1]`."""
    for node in ast.walk(value):
        if language.shift(node) == "drop":
            return True
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            lower, upper = node.slice.lower, node.slice.upper
            if lower is not None and isinstance(upper, ast.BinOp):
                return True
    return False
