"""A score that is called one of unseen data is computed on the train part."""

import ast
import re
from collections.abc import Iterable, Iterator

from labhand.check.claim import Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code import splits
from labhand.kit.code.calls import Call
from labhand.kit.code.facts import Fact, Spot, Step
from labhand.kit.code.project import Known, Where

_JUDGES = re.compile(
    r"^_?(eval|evaluate|evaluation|validate|validation|test|score|accuracy|compute_accuracy|compute_metrics|"
    r"(eval|evaluate|test|validate|score)_\w+|\w+_(score|accuracy|error|loss|report))$",
    re.I,
)
_HELD_OUT = {
    "test": "test",
    "testing": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "generalization": "test",
    "heldout": "test",
}
_QUALITY = re.compile(r"accura|\bacc\b|f1|auc|precision|recall", re.I)
_MEANT = re.compile(r"train|\bfit|in.?sample|resubst|memori|overfit|sanity|debug|apparent", re.I)
_SMALL = re.compile(r"overfit|sanity|debug|dummy|smoke|memori[sz]", re.I)
_PARTS = (
    "Subset",
    "ampler",
    "random_split",
    "indices",
    "train_test_split",
    "take(",
    "skip(",
    "KFold",
    "_idx",
)
_WHOLE = re.compile(r"(Distributed|Random|Sequential)Sampler$")
_CLASSIFIERS = re.compile(
    r"^sklearn\.\w+\.\w*(Classifier|LogisticRegression|SVC|NB)$|^xgboost\.XGBClassifier$"
)
_DATA = re.compile(r"data|set|_ds|loader|_dl", re.I)
_DRAWN = re.compile(
    r"rand|synth|toy|fake|dummy|generat|simulat|sampl|make_|env|shuffle|split", re.I
)
_HANDED = re.compile(r"(DataLoader|Trainer|Loader|len|print|info)$")
_SHOWS = frozenset({"print", "info", "write", "log", "warning", "debug"})
_WORDS = re.compile(r"[A-Z]?[a-z]+\d?|[A-Z]+(?![a-z])")


class Rule:
    """A score that is called one of unseen data is computed on the train part.

    ## What it does
    Reports a score of train data that is stored or printed as one of test or validation data, a loader
    named as held-out over the train set, held-out data that is made by the very call that makes the
    train set, train data handed over as `validation_data` or `eval_dataset`, and a classifier whose
    accuracy is only measured on the rows it was fitted on.
    Scores and loaders of another part than they are called are told only if this rule is selected.

    ## Why is this bad
    The number says how well the model remembers, not how well it does on what it has not seen. A tree
    or a large network reaches 100 % there and may be worthless.

    ## Known problems
    Silent where the text says train, fit, sanity or overfit; where the data is part of the train set
    (subsets, samplers, indices), and where only another name for the same file tells that it is the same.

    ## Example
    ```python
    model.fit(X_train, y_train)
    print("test accuracy", model.score(X_train, y_train))
    ```

    ## Use instead
    ```python
    model.fit(X_train, y_train)
    print("test accuracy", model.score(X_test, y_test))
    ```

    ## Fix safety
    There is no automatic fix: the score will change.

    ## References
    - https://scikit-learn.org/stable/modules/cross_validation.html
    - Real cases: the overlap leakage of Yang et al., Data Leakage in Notebooks (ASE 2022):
      https://arxiv.org/abs/2209.03345.
    """

    severity: Severity = "error"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The scores of one file that are computed on train data, and called otherwise."""
        if not code.mentions(
            "fit(", "score(", "evaluate(", "validat", "test", "accuracy", "DataLoader"
        ):
            return
        if code.is_test:
            return
        told: set[ast.stmt] = set()
        every = (_labelled, _hooks, _made_alike, _loaders, _handed, _only)
        for found in (claim for find in every for claim in find(code)):
            statement = code.source.index.statement(found.node)
            if statement not in told and not _SMALL.search(_nearby(code, found.node)):
                told.add(statement)
                yield found


def _nearby(code: Code, node: ast.AST) -> str:
    """The lines of a statement, the one above, and the names of its function and file."""
    statement = code.source.index.statement(node)
    lines = code.source.lines[max(statement.lineno - 2, 0) : statement.end_lineno]
    return "\n".join([*lines, code.where(node).scope.qualified, code.source.path.stem])


def _labelled(code: Code) -> Iterator[Claim]:
    """Scores of train data that are stored or printed under the name of a held-out part."""
    for call in _scores(code):
        given = [*call.node.args, *(k.value for k in call.node.keywords)]
        data = [(g, code.split(g)) for g in given if _is_data(g)]
        parts = [f for _, f in data if f]
        if any(f.value != "train" for f in parts) or not any(_surely(g, f) for g, f in data):
            continue
        label = _label(code, call)
        if label is not None:
            yield code.claim(
                call.node,
                f"the {label} score is computed on the train part",
                f"compute it on the {label} part, or call it a training score",
                because=parts[0].chain,
                confidence=0.92 if parts[0].sure else 0.88,
                level="possible",
                label=label,
            )


def _surely(given: ast.expr, part: Fact) -> bool:
    """Whether an argument is of the train part by its own name, or made so and named as no other part."""
    own = splits.part_in(ast.unparse(given))
    return part.value == "train" and (own == "train" or (own is None and part.sure))


def _scores(code: Code) -> Iterator[Call]:
    known = {call.node for call, _ in code.known("metrics", "labels")}
    for node in code.nodes(ast.Call):
        call = code.call(node)
        if "cross_val" in call.method:
            continue  # it holds rows of the train part out itself
        if node in known or _JUDGES.match(call.method):
            yield call


def _is_data(given: ast.expr) -> bool:
    """Whether an argument can be data: a name, an attribute, a key of one."""
    return isinstance(given, ast.Name | ast.Attribute | ast.Subscript)


def _label(code: Code, call: Call) -> str | None:
    """The held-out part that a score is said to be of, where it is stored or where it is shown."""
    value: ast.expr = call.node
    parents = code.source.index.parents
    above = parents[value]
    while isinstance(above, ast.Attribute) or (
        isinstance(above, ast.Call)
        and (above.func is value or ast.unparse(above.func) in ("round", "float"))
    ):
        value, above = above, parents[above]
    shown = _shown(code, value)
    if shown is not None:
        return shown
    statement = code.source.index.statement(call.node)
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return None
    target = _target(statement, value)
    if target is None:
        return None
    several = target.elts if isinstance(target, ast.Tuple) else [target]
    parts = {_part(ast.unparse(one)) for one in several}
    named = parts.pop() if len(parts) == 1 else None
    if named is not None or _MEANT.search(ast.unparse(target)):
        return named
    labels = {_shown(code, use) for use in code.uses(statement)} - {None}
    return labels.pop() if len(labels) == 1 else None


def _target(statement: ast.Assign, value: ast.expr) -> ast.expr | None:
    """What a value is stored to, one of several in `a, b = f(), g()`."""
    target = statement.targets[0]
    if statement.value is value:
        return target
    if isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple):
        pairs = zip(target.elts, statement.value.elts, strict=False)
        return next((t for t, v in pairs if v is value), None)
    product = statement.value
    if isinstance(product, ast.BinOp) and value in (product.left, product.right):
        return target  # `100 * score`
    return None


def _shown(code: Code, value: ast.expr) -> str | None:
    """The part that the text before a value tells, where it is printed."""
    parents = code.source.index.parents
    inner: ast.AST = value
    for above in code.source.index.ancestors(value):
        if isinstance(above, ast.JoinedStr):
            place = above.values.index(inner) if inner in above.values else 0
            before = above.values[place - 1] if place else None
            if isinstance(before, ast.Constant) and _is_shown(code, above):
                return _part(str(before.value))
            return None
        if isinstance(above, ast.Call) and inner in above.args:
            if ast.unparse(above.func).rpartition(".")[2] not in _SHOWS:
                return None
            place = above.args.index(inner)
            before = above.args[place - 1] if place else None
            text = before.value if isinstance(before, ast.Constant) else None
            return _part(text) if isinstance(text, str) else None
        if isinstance(above, ast.BinOp) and isinstance(above.op, ast.Mod) and above.right is inner:
            text = above.left.value if isinstance(above.left, ast.Constant) else None
            shown = isinstance(parents[above], ast.Call)
            return _part(text) if isinstance(text, str) and shown else None
        if isinstance(above, ast.stmt):
            return None
        inner = above
    return None


def _is_shown(code: Code, text: ast.expr) -> bool:
    above = code.source.index.parents[text]
    return isinstance(above, ast.Call) and ast.unparse(above.func).rpartition(".")[2] in _SHOWS


def _part(text: str) -> str | None:
    """The held-out part that a label tells, where it tells no other."""
    if _MEANT.search(text):
        return None
    found = {_HELD_OUT[w.lower()] for w in _WORDS.findall(text) if w.lower() in _HELD_OUT}
    return found.pop() if len(found) == 1 else None


def _hooks(code: Code) -> Iterator[Claim]:
    """Loaders that Lightning asks for as held-out, over a data set that is read as the train part."""
    for call in code.calls("torch.utils.data.DataLoader"):
        owner = code.project.owner(call.where)
        bases = code.project.lineage(owner)[1] if owner is not None else set()
        label, data = _part(call.where.scope.name), call.arg(0, "dataset")
        if label is None or data is None or not any(b.startswith("lightning.") for b in bases):
            continue
        part = code.split(data)
        alone = "".join(ast.unparse(c) for c in call.where.scope.calls).count("DataLoader(") == 1
        if part.value == "train" and part.sure and alone and not _is_some(code, call, data):
            yield _over_train(code, call, label, part.chain, None)


def _made_alike(code: Code) -> Iterator[Claim]:
    """Data sets that are named as held-out and made by the very call that makes the training one."""
    made: dict[tuple[object, str], list[tuple[str, ast.Assign]]] = {}
    for node in code.nodes(ast.Assign):
        target = node.targets[0]
        if isinstance(target, ast.Name) and isinstance(node.value, ast.Call):
            key = (code.where(node).scope, ast.unparse(node.value))
            made.setdefault(key, []).append((target.id, node))
    for (_, text), several in made.items():
        if len(several) != 2 or _DRAWN.search(text) or not _DATA.search(several[0][0]):
            continue
        (first, one), (second, other) = several
        parts = splits.part_in(first), splits.part_in(second)
        if parts[0] in (None, "train") and parts[1] in ("test", "validation"):
            assert isinstance(other.value, ast.Call) and isinstance(one.value, ast.Call)
            if _is_same_data(code, one, other) and _only_handed_on(code, one, other):
                yield _over_train(code, code.call(other.value), str(parts[1]), (), one.value)


def _is_same_data(code: Code, one: ast.Assign, other: ast.Assign) -> bool:
    """Whether two calls of one text read the same: nothing between sets anew what they are given."""
    assert isinstance(one.value, ast.Call) and isinstance(other.value, ast.Call)
    first, second = code.call(one.value), code.call(other.value)
    target = first.target
    drawn = target is not None and bool(_DRAWN.search(ast.unparse(_node(target))))
    same = _alike(code, one.value, other.value, first, second)
    return same and not drawn and code.leads(one, other)


def _node(target: Where | Known) -> ast.AST:
    return target.scope.node if isinstance(target, Where) else target.klass.node


def _only_handed_on(code: Code, one: ast.Assign, other: ast.Assign) -> bool:
    """Whether both are handed on whole to loaders: not cut, joined, changed or looked into."""
    uses = [code.uses(one), code.uses(other)]
    above = [code.source.index.parents.get(u) for many in uses for u in many]
    calls = [code.source.index.parents[a] if isinstance(a, ast.keyword) else a for a in above]
    handed = [c for c in calls if isinstance(c, ast.Call)]
    loads = all(_HANDED.search(ast.unparse(c.func)) for c in handed)
    return all(uses) and loads and len(handed) == len(calls)


def _over_train(
    code: Code, call: Call, label: str, chain: Iterable[Step], trained: ast.expr | None
) -> Claim:
    learnt = [code.step("the training one is made so too", trained)] if trained is not None else []
    return code.claim(
        call.node,
        f"the {label} data is the train set",
        f"give it the {label} set",
        because=[*chain, *learnt],
        confidence=0.9,
        label=label,
    )


def _loaders(code: Code) -> Iterator[Claim]:
    """Loaders that are named as held-out, over the rows that another loader trains on."""
    every = code.calls("torch.utils.data.DataLoader")
    for call in every:
        data, label = call.arg(0, "dataset"), _part(code.label(call.node))
        if data is None or label is None or _is_some(code, call, data):
            continue
        part = code.split(data)
        trained = _trained_on(code, call, data, every) if part.value in (None, "train") else None
        if trained is not None:
            yield code.claim(
                call.node,
                f"the {label} loader goes over the train set",
                f"give it the {label} set",
                because=[*part.chain, trained],
                confidence=0.92 if part.sure else 0.88,
                level="possible",
                label=label,
            )


def _trained_on(code: Code, call: Call, data: ast.expr, every: list[Call]) -> Step | None:
    """The loader that is named as the training one and goes over the same rows in the same run."""
    for other in every:
        rows = other.arg(0, "dataset")
        if other is call or rows is None or splits.part_in(code.label(other.node)) != "train":
            continue
        if other.where.scope is call.where.scope:
            if not (code.leads(other.node, call.node) or code.leads(call.node, other.node)):
                continue  # only one of them is made
            same = _alike(code, rows, data, other, call)
        else:
            same = isinstance(rows, ast.Attribute) and _same_attribute(code, rows, data)
        if same and not _is_some(code, other, rows):
            return code.step("this loader trains on them", other.node)
    return None


def _same_attribute(code: Code, one: ast.Attribute, other: ast.expr) -> bool:
    """Whether two methods of a class name one attribute: `self.train_set` of two loaders' hooks."""
    owners = [code.project.owner(code.where(n)) for n in (one, other)]
    return (
        ast.unparse(one) == ast.unparse(other) and owners[0] is not None and owners[0] == owners[1]
    )


def _is_some(code: Code, call: Call, data: ast.expr) -> bool:
    """Whether a loader may go over some rows only: by a sampler, or as its data is written."""
    if not isinstance(data, ast.Name | ast.Attribute) and any(
        word in ast.unparse(data) for word in _PARTS
    ):
        return True
    sampler = call.arg(3, "sampler", "batch_sampler")
    if sampler is None:
        return False
    made = [ast.unparse(n.func) for n in code.behind(sampler) if isinstance(n, ast.Call)]
    return not any(_WHOLE.search(m) for m in made) or any("Subset" in m for m in made)


def _handed(code: Code) -> Iterator[Claim]:
    """Trainings that are handed the train data as validation data."""
    if code.mentions("mask"):
        return  # nodes of one graph are told apart by masks
    for call in code.calls(
        ".fit",
        ".fit_generator",
        "transformers.Trainer",
        "transformers.Seq2SeqTrainer",
        "trl.SFTTrainer",
    ):
        train, held_out = _given(code, call)
        if isinstance(held_out, ast.Tuple | ast.List) and held_out.elts:
            if len(held_out.elts) > 2 or call.arg(None, "sample_weight") is not None:
                continue  # weights choose the rows
            held_out = held_out.elts[0]
        if train is None or held_out is None or isinstance(train, ast.Constant):
            continue
        if isinstance(train, ast.Call) and splits.part_in(ast.unparse(train.func)) != "train":
            continue  # what makes both parts may tell them apart itself
        if ast.unparse(train) == ast.unparse(held_out):
            yield code.claim(
                held_out,
                f"`{code.text(held_out)}` is trained on and validated on: the validation score is that of "
                "rows the model has learnt",
                "hand over data that is not trained on",
                because=[code.step("trained on here", train)],
                confidence=0.92,
            )


def _given(code: Code, call: Call) -> tuple[ast.expr | None, ast.expr | None]:
    """What a training is handed to learn from, and what to validate on."""
    train, held_out = call.arg(None, "train_dataset"), call.arg(None, "eval_dataset")
    if call.method == "fit":
        train = call.arg(1 if _lightning(code, call) else 0, "x", "train_dataloaders")
        held_out = call.arg(None, "validation_data", "val_dataloaders")
        if held_out is None and _lightning(code, call):
            held_out = call.arg(2)
    elif call.method == "fit_generator":
        train, held_out = call.arg(0, "generator"), call.arg(None, "validation_data")
    return train, held_out


def _lightning(code: Code, call: Call) -> bool:
    return (call.name or "").startswith("lightning.")


def _only(code: Code) -> Iterator[Claim]:
    """Classifiers whose quality is measured on nothing but the rows they were fitted on."""
    if code.mentions("test", "valid", "split", "Fold", "cross_", "oob"):
        return
    for fit in code.calls(".fit"):
        rows, labels = fit.arg(0, "X"), fit.arg(1, "y")
        known = fit.made is not None and _CLASSIFIERS.match(fit.made.name or "")
        if known and rows is not None and labels is not None:
            for call in _scores(code):
                if _on_same(code, call, fit, rows, labels) and _praised(code, call):
                    yield code.claim(
                        call.node,
                        f"the accuracy is measured on `{code.text(rows)}`, the rows that the model was "
                        "fitted on, and on no other",
                        "hold rows out, or cross-validate",
                        because=[code.step("fitted here", fit.node, fit.where)],
                        confidence=0.88,
                    )


def _on_same(code: Code, call: Call, fit: Call, rows: ast.expr, labels: ast.expr) -> bool:
    """Whether a score is of the fitted model on the rows of its fit."""
    if call.where.scope is not fit.where.scope or not code.leads(fit.node, call.node):
        return False
    if call.method == "score":
        given = call.arg(0, "X")
        return call.made is fit.made and given is not None and _alike(code, given, rows, call, fit)
    flows = code.behind(Spot(call.node, call.where))
    predictions = [code.call(n, s.where) for n, s in flows.items() if isinstance(n, ast.Call)]
    mine = [p for p in predictions if p.method == "predict" and p.made is fit.made]
    truth = call.arg(0, "y_true")
    return (
        len(mine) == 1
        and truth is not None
        and any(_alike(code, a, labels, call, fit) for a in call.node.args)
        and any(_alike(code, a, rows, mine[0], fit) for a in mine[0].node.args[:1])
    )


def _alike(code: Code, one: ast.expr, other: ast.expr, at: Call, there: Call) -> bool:
    if ast.unparse(one) != ast.unparse(other):
        return False
    names = [n for n in ast.walk(one) if isinstance(n, ast.Name)]
    others = [n for n in ast.walk(other) if isinstance(n, ast.Name)]
    reaching = code.project.reaching
    return all(
        reaching(a, at.where)[1] == reaching(b, there.where)[1]
        for a, b in zip(names, others, strict=True)
    )


def _praised(code: Code, call: Call) -> bool:
    """Whether the score is shown or given back as the quality of the model."""
    statement = code.source.index.statement(call.node)
    shown = [statement, *(code.source.index.statement(u) for u in code.uses(statement))]
    texts = [ast.unparse(s) for s in shown]
    told = any(_is_telling(s) for s in shown)
    return (
        told
        and bool(_QUALITY.search(" ".join(texts)))
        and not _MEANT.search(" ".join(texts).replace(".fit(", "("))
    )


def _is_telling(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Return):
        return True
    called = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(called, ast.Call) and ast.unparse(called.func).rpartition(".")[2] in _SHOWS
