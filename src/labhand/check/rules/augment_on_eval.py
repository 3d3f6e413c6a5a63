"""Random augmentation of the data that a model is evaluated on."""

import ast
import re
from collections.abc import Iterable, Iterator

from labhand.check.claim import Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call
from labhand.kit.code.facts import UNKNOWN, Fact, Facts, Spot, Step
from labhand.kit.code.knowledge import tables
from labhand.kit.code.project import Known, Where
from labhand.kit.code.splits import part_in

_MEANT = re.compile(r"tta|augment|contrast|view|corrupt|robust|noisy", re.I)
_HELD_OUT = ("validation", "test", "held-out")


class Rule:
    """Random augmentation of the data that a model is evaluated on.

    ## What it does
    Reports a validation or test data set whose transform changes images at random, a pipeline that is
    called `val` or `test` and holds such a transform, `random_split` of one augmented data set into
    train and held-out parts, `subset.dataset.transform = …`, which changes all parts at once, and
    validation images from an augmenting `ImageDataGenerator`.
    A pipeline that its name alone gives to an evaluation is told of only if this rule is selected.

    ## Why is this bad
    The score is of other images in every pass: lower than it should be, noisy, and not comparable. Early
    stopping and the choice of the best checkpoint then follow the noise.

    ## Known problems
    Silent for test-time augmentation that says so, and where what a transform holds cannot be seen.

    ## Example
    ```python
    data = ImageFolder(root, transform=Compose([RandomHorizontalFlip(), ToTensor()]))
    train_set, val_set = random_split(data, [0.8, 0.2])
    ```

    ## Use instead
    ```python
    train_set = Subset(ImageFolder(root, transform=augmented), train_rows)
    val_set = Subset(ImageFolder(root, transform=plain), val_rows)
    ```

    ## Fix safety
    There is no automatic fix: the evaluation needs a data set of its own with a plain transform.

    ## References
    - https://docs.pytorch.org/vision/stable/transforms.html
    - Real cases: https://github.com/arnoweng/CheXNet/issues/27,
      https://github.com/ildoonet/pytorch-randaugment/issues/16.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The evaluations of one file that see augmented data."""
        if code.mentions("ImageDataGenerator"):
            yield from _generators(code)
        if not code.mentions("Random", "Jitter", "Aug", "Flip", "transform"):
            return
        told: set[ast.AST] = set()
        for claim in (*_pipelines(code), *_data_sets(code), *_splits(code), *_shared(code)):
            if claim.node not in told:
                told.add(claim.node)
                yield claim


def _answer(facts: Facts, spot: Spot) -> Iterable[Fact] | None:
    """Whether a transform changes what it is given at random: the value is `random` or `plain`."""
    if not isinstance(spot.node, ast.Call):
        return None
    call = facts.call(spot)
    entry = tables.entry("transforms", call.name) or {}
    if "random" in entry:
        if call.option("p") in (0, 0.0) or (
            "flip" in call.method.lower() and call.option("p") == 1
        ):
            return [Fact("plain")]
        text = f"`{ast.unparse(call.node.func)}` changes it at random"
        return [Fact("random", (Step(text, spot.where.source, spot.node),))]
    if "chain" not in entry:
        return None if isinstance(call.target, Where) else [Fact("plain")]
    return [_chain(facts, spot, call)]


def _chain(facts: Facts, spot: Spot, call: Call) -> Fact:
    for part in _parts(call.node.args):
        found = facts.one(spot.at(part, ()))
        if found.value == "random":
            return found
    return Fact("plain")


def _parts(given: list[ast.expr]) -> Iterator[ast.expr]:
    for one in given:
        if isinstance(one, ast.List | ast.Tuple):
            yield from _parts(one.elts)
        elif isinstance(one, ast.BinOp):
            yield from _parts([one.left, one.right])
        elif isinstance(one, ast.Starred):
            yield from _parts([one.value])
        else:
            yield one


def _random(code: Code, spot: Spot) -> Fact:
    found = code.facts("augmentation", _answer).one(spot)
    return found if found.value == "random" else UNKNOWN


def _pipelines(code: Code) -> Iterator[Claim]:
    """A pipeline that is named for evaluation and holds a random transform."""
    for call, _ in code.known("transforms", "chain"):
        label = code.label(call.node)
        if part_in(label) not in _HELD_OUT or _MEANT.search(label) or _says_so(code, call.node):
            continue
        if _is_for_tta(code, label):
            continue
        found = _random(code, code.spot(call))
        if found:
            yield _claim(code, call.node, f"`{label}`", found, 0.96, "possible")


def _is_for_tta(code: Code, label: str) -> bool:
    """Whether a pipeline is handed to something that says it augments at test time."""
    name = re.escape(label)
    given = re.compile(rf"\w*tta\w*\([^()]*\b{name}\b|\b{name}\b[^()]*\btta\b", re.I)
    return any(given.search(one.text) for one in code.project.component(code.source))


def _says_so(code: Code, node: ast.expr) -> bool:
    """Whether the comment right above tells that the held-out images are changed at random."""
    first = code.source.index.statement(node).lineno - 1
    above = code.source.lines[max(first - 4, 0) : first]
    told = " ".join(line for line in above if line.lstrip().startswith("#"))
    return bool(re.search(r"random", told, re.I))


def _data_sets(code: Code) -> Iterator[Claim]:
    """A data set of a held-out part whose transform is random."""
    for where in code.functions:
        for node in where.scope.calls:
            last = (
                node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
            )
            if not last[:1].isupper():
                continue
            call = code.call(node, where)
            given = _transform(code, call)
            label = code.label(node) if given is not None else ""
            if given is None or _MEANT.search(label):
                continue
            part = part_in(label) or code.split(call).value
            own = given.attr if isinstance(given, ast.Attribute) else ast.unparse(given)
            if part not in _HELD_OUT or part_in(own) in _HELD_OUT:
                continue
            found = _random(code, code.spot(given))
            if found:
                yield _claim(code, node, f"the {part} data `{label or call.method}`", found, 0.95)


def _transform(code: Code, call: Call) -> ast.expr | None:
    """The transform that a data set is given."""
    for keyword in call.node.keywords:
        if keyword.arg in ("transform", "transforms", "img_transform", "image_transform"):
            return keyword.value
    entry = call.entry("transforms") or {}
    if "takes" in entry:
        return call.arg(int(entry["takes"]))
    if isinstance(call.target, Known) and len(call.node.args) > 1:
        made = code.project.method(call.target, "__init__")
        names = made.scope.parameters[1:] if made is not None else []
        position = next((i for i, n in enumerate(names) if n.endswith("transform")), None)
        return call.arg(position) if position is not None else None
    return None


def _splits(code: Code) -> Iterator[Claim]:
    """One augmented data set that is cut into parts."""
    for call in code.calls("torch.utils.data.random_split"):
        rows = call.arg(0, "dataset")
        found = _of_rows(code, rows) if rows is not None else UNKNOWN
        if found and not _resplit(code, call):
            what = f"every part of `{ast.unparse(rows) if rows else ''}`, the held-out one too,"
            yield _claim(code, call.node, what, found, 0.93)
    for call in code.calls("torch.utils.data.Subset"):
        label = code.label(call.node)
        rows = call.arg(0, "dataset")
        if rows is None or part_in(label) not in _HELD_OUT or _MEANT.search(label):
            continue
        found = _of_rows(code, rows)
        if found and not re.search(r"\w\.dataset = ", code.source.text):  # each gets a copy
            yield _claim(code, call.node, f"`{label}`", found, 0.93)


def _of_rows(code: Code, rows: ast.expr) -> Fact:
    """The random transform of a data set, by the call that surely made it."""
    made = code.made_by(rows)
    given = _transform(code, made) if made is not None else None
    if made is None or given is None:
        return UNKNOWN
    return _random(code, Spot(given, made.where))


def _resplit(code: Code, call: Call) -> bool:
    """Whether a part gets a transform, or a data set, of its own afterwards, or none is evaluated."""
    statement = code.source.index.statement(call.node)
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Tuple):
        return True
    names = [ast.unparse(e) for e in statement.targets[0].elts]
    kept = [n for n in names[1:] if n.strip("_")]
    if not kept or any(part_in(n) not in _HELD_OUT for n in kept):
        return True
    return any(
        re.search(rf"\b{re.escape(n)}\.(dataset|transform|indices)", code.source.text) for n in kept
    )


def _shared(code: Code) -> Iterator[Claim]:
    """`val_set.dataset.transform = …`: the parts of a split share one data set."""
    for node in code.nodes(ast.Assign):
        target = node.targets[0]
        if not isinstance(target, ast.Attribute) or not target.attr.startswith("transform"):
            continue
        held = target.value
        if not isinstance(held, ast.Attribute) or held.attr != "dataset":
            continue
        made = _made_by_split(code, held.value)
        copied = re.search(rf"{re.escape(ast.unparse(held))} = ", code.source.text)
        if made is None or copied:
            continue
        yield code.claim(
            target,
            f"`{ast.unparse(held.value)}.dataset` is the one data set of all parts: this sets the transform "
            "of training and evaluation alike",
            "give each part a data set of its own, with its own transform, and the same indices",
            because=[code.step("the parts are cut from one data set here", made)],
            confidence=0.95,
        )


def _made_by_split(code: Code, part: ast.expr) -> ast.expr | None:
    if not isinstance(part, ast.Name):
        return None
    bindings = code.project.reaching(part, code.where(part))[1]
    values = [b.value for b in bindings]
    made = values[0] if len(values) == 1 else None
    cut = isinstance(made, ast.Call) and code.call(made).name == "torch.utils.data.random_split"
    return made if cut else None


def _generators(code: Code) -> Iterator[Claim]:
    for call in code.calls(".flow_from_directory", ".flow", ".flow_from_dataframe"):
        subset = call.option("subset")
        label = code.label(call.node)
        held = subset == "validation" or part_in(label) in _HELD_OUT
        receiver = call.receiver
        if not held or receiver is None or _MEANT.search(label):
            continue
        made = code.made_by(receiver)
        if made is None or made.method != "ImageDataGenerator":
            continue
        known = code.words("transforms", "generator", "random")
        used = [
            k
            for k in made.node.keywords
            if k.arg in known and getattr(k.value, "value", 1) not in (0, False)
        ]
        if used:
            step = code.step(f"`{used[0].arg}` changes images at random", made.node, made.where)
            fact = Fact("random", (step,))
            yield _claim(code, call.node, f"`{label or 'the validation images'}`", fact, 0.95)


def _claim(
    code: Code,
    node: ast.expr,
    what: str,
    found: Fact,
    confidence: float,
    level: Level | None = None,
) -> Claim:
    return code.claim(
        node,
        f"{what} is augmented at random where the model is evaluated",
        "evaluate with a transform that only resizes, crops at the centre and normalises",
        because=found.chain,
        confidence=confidence,
        level=level,
    )
