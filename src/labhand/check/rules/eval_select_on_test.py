"""A checkpoint, an early stop or a setting that is chosen by the test data."""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from labhand.check.claim import Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code import contexts, splits
from labhand.kit.code.calls import Call
from labhand.kit.code.contexts import Happening, Loop
from labhand.kit.code.facts import Fact, Spot, Step

_BEST = re.compile(r"best|lowest|highest|(^|_)(min|max)(_|$)|record", re.I)
_STOPS = re.compile(r"early_?stop|stopper|checkpointer|(^|_)es$", re.I)
_MEASURE = re.compile(
    r"loss|acc|score|f1|auc|err|metric|best|result|perf|iou|dice|mse|rmse|mae|env|collector|reward",
    re.I,
)
_EPISODES = re.compile(r"reward|(?<![a-z])rews?(?![a-z])|return|episode|elo|win", re.I)
_HOLDS = re.compile(r"loader|data|split|_dl|_ds", re.I)
_KEEPS = re.compile(
    r"save|state_dict|deepcopy|dump|checkpoint|snapshot|get_weights|clone|export", re.I
)
_CHOSEN = re.compile(
    r"best_?(\w*_)?(param|config|model|c|lr|alpha|k|depth|hp|setting|weight|state|net|n|gamma|threshold)s?$",
    re.I,
)
_WAITS = re.compile(
    r"patience|counter|wait|bad_epochs|no_improve|since|stale|trigger|not_improved", re.I
)
_TRAINS = frozenset({"backward", "step", "minimize", "apply_gradients", "boost"})


class _Choice(NamedTuple):
    shown: ast.expr | ast.stmt
    metric: ast.expr
    what: str


class Rule:
    """A checkpoint, an early stop or a setting that is chosen by the test data.

    ## What it does
    Follows the metric of comparisons such as `if accuracy > best:` that decide what is saved, when
    training stops or which setting wins, and reports those that are computed on test data and on no
    validation data. `validation_data`, `eval_set` and `eval_dataset` of a fit that stops early or keeps
    its best epoch are held to the same. Settings that a comparison keeps, an `is_best` on which only the
    best score hangs, and test data that reaches the metric from afar, through other calls of what computes
    it, are told of only if this rule is selected.

    ## Why is this bad
    The best of many looks at the test data is reported as if it were one: the more epochs or settings are
    tried, the more of the score is luck. Methods that are tried more often seem better.

    ## Known problems
    Where only a name says that the data is the test part, and it serves as validation data while another
    set is reported, the finding is wrong. A best score that is only printed is not reported.

    ## Example
    ```python
    for epoch in range(epochs):
        train(model, train_loader)
        accuracy = evaluate(model, test_loader)
        if accuracy > best:
            best = accuracy
            torch.save(model.state_dict(), "best.pt")
    ```

    ## Use instead
    ```python
    for epoch in range(epochs):
        train(model, train_loader)
        accuracy = evaluate(model, val_loader)
        if accuracy > best:
            best = accuracy
            torch.save(model.state_dict(), "best.pt")
    model.load_state_dict(torch.load("best.pt"))
    print(evaluate(model, test_loader))
    ```

    ## Fix safety
    There is no fix: it needs data for validation.

    ## References
    - Cawley, Talbot: On over-fitting in model selection, JMLR 11 (2010),
      https://jmlr.org/papers/v11/cawley10a.html
    - Real case: https://github.com/DearCaat/RRT-MIL/issues/22.
    """

    severity: Severity = "warning"
    level: Level = "possible"

    def check(self, code: Code) -> Iterator[Claim]:
        """The choices of one file that rest on test data."""
        if not code.mentions("test", "Test"):
            return
        told: set[ast.AST] = set()
        for choice in _choices(code):
            if choice.shown in told or _EPISODES.search(ast.unparse(choice.metric)):
                continue  # an environment that is played in is no data that runs out
            if choice.what == "when training stops" and not _trains_around(code, choice.shown):
                continue
            fact = (
                _on_test(code, choice.metric) or _in_phase(code, choice) or _by_name(code, choice)
            )
            if fact is not None:
                told.add(choice.shown)
                level = _level(code, choice)
                yield _claim(code, choice, fact, level)
        for call, given in _fits(code):
            fact = next((f for g in given if (f := _data_part(code, code.spot(g)))), None)
            parts = {_part(code, code.spot(g)) for g in given}
            if fact is not None and parts == {"test"}:
                yield _claim(
                    code, _Choice(call.node, given[0], "when training ends or what it keeps"), fact
                )


def _by_name(code: Code, choice: _Choice) -> Fact | None:
    """What a score is called, where nothing tells what data it is of: `if test_acc > best: save(…)`."""
    name = choice.metric
    if not isinstance(name, ast.Name) or splits.part_in(name.id) != "test":
        return None
    if not _SCORE.search(name.id) or not _trains_around(code, choice.shown):
        return None
    bindings = code.project.reaching(name, code.where(name))[1]
    if not bindings or not all(isinstance(b.value, ast.Call) for b in bindings):
        return None
    flows = code.behind(name)
    parts = {_part(code, s) for n, s in flows.items() if n is not name and _is_data(n)} - {None}
    if parts and "test" not in parts:
        return None  # where the scores of several parts come together, their names tell them apart
    return Fact("test", (code.step("this score is called one of the test part", name),), sure=False)


def _is_data(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Attribute | ast.Subscript)


def _in_phase(code: Code, choice: _Choice) -> Fact | None:
    """What shows that a choice is made in the test phase of a loop over phases, none of which validates."""
    tests = [t for t, holds in code.guards(choice.shown) if holds]
    above = code.source.index.statement(choice.shown)
    tests += [above.test] if isinstance(above, ast.If) else []
    for test in tests:
        for part in test.values if isinstance(test, ast.BoolOp) else [test]:
            match part:
                case ast.Compare(
                    left=ast.Name() as phase,
                    ops=[ast.Eq()],
                    comparators=[ast.Constant(value=str() as name)],
                ) if splits.part_in(name) == "test":
                    if _phases(code, phase) == {"train", "test"}:
                        step = code.step(f"this is the phase `{name}`", part)
                        return Fact("test", (step,), sure=False)
    return None


def _phases(code: Code, name: ast.Name) -> set[str | None]:
    """The parts of the data that a loop over phases goes through."""
    bindings = code.project.reaching(name, code.where(name))[1]
    over = [b.value for b in bindings if b.how == "loop"]
    if len(over) != 1 or not isinstance(over[0], ast.List | ast.Tuple):
        return set()
    return {splits.part_in(str(getattr(e, "value", ""))) for e in over[0].elts}


def _trains_around(code: Code, node: ast.AST) -> bool:
    """Whether a loop around a choice, callers looked at, trains: a search for an attack trains nothing."""
    loops = code.loops(node, up=2)
    methods = {h.call.method for loop in loops for h in _in(code, loop)}
    return any(m in _TRAINS or "train" in m or "fit" in m for m in methods)


def _in(code: Code, loop: Loop) -> Iterator[Happening]:
    return contexts.running(code.project, [*loop.node.body], loop.where)


def _choices(code: Code) -> Iterator[_Choice]:
    for node in code.nodes(ast.If):
        for compare in _comparisons(node.test):
            what = _decides(node)
            metric = _metric(node, compare) if what else None
            if what and metric is not None:
                yield _Choice(compare, metric, what)
    for assign in code.nodes(ast.Assign):
        value, target = assign.value, assign.targets[0]
        if isinstance(value, ast.Compare) and _BEST.search(ast.unparse(target)):
            metric = _metric(assign, value)
            if metric is not None and code.mentions("save"):
                hangs = _is_asked_for(code, assign)
                yield _Choice(value, metric, "what is saved" if hangs else "what the best score is")
    for call in code.nodes(ast.Call):
        if call.args and _STOPS.search(ast.unparse(call.func)):
            yield _Choice(call, call.args[0], "when training stops")


def _is_asked_for(code: Code, assign: ast.Assign) -> bool:
    """Whether more hangs on `is_best` than what the best score is."""
    for use in code.uses(assign):
        statement = code.source.index.statement(use)
        if not isinstance(statement, ast.If) or use is not statement.test:
            return True
        if not all(isinstance(s, ast.Assign) for s in statement.body) or statement.orelse:
            return True
    return isinstance(assign.targets[0], ast.Attribute)


def _comparisons(test: ast.expr) -> list[ast.Compare]:
    parts = test.values if isinstance(test, ast.BoolOp) else [test]
    ordered = ast.Gt | ast.Lt | ast.GtE | ast.LtE
    return [
        p
        for p in parts
        if isinstance(p, ast.Compare) and len(p.ops) == 1 and isinstance(p.ops[0], ordered)
    ]


_SCORE = re.compile(
    r"acc|loss|f1|score|auc|err|iou|dice|recall|precision|bleu|ppl|perplexity|mse|mae|psnr|metric",
    re.I,
)
_COUNTS = re.compile(r"batch(es)?\b|(max|num|n)_(steps|iters|epochs)|\+ 1$")


def _metric(around: ast.stmt, compare: ast.Compare) -> ast.expr | None:
    """The side of the comparison that is new; the other is the best so far."""
    sides = compare.left, compare.comparators[0]
    for best, other in (sides, sides[::-1]):
        written = ast.unparse(best)
        kept = isinstance(around, ast.If) and any(
            isinstance(n, ast.Assign) and written in _targets(n) and ast.unparse(n.value) != written
            for s in around.body
            for n in ast.walk(s)
        )
        named = _BEST.search(written) and not _BEST.search(ast.unparse(other))
        counts = _COUNTS.search(written) or _COUNTS.search(ast.unparse(other))
        if (kept or named) and not counts and not isinstance(other, ast.Constant):
            return other
    return None


def _targets(node: ast.Assign) -> list[str]:
    """What an assignment binds, as written, one by one."""
    found = [t.elts if isinstance(t, ast.Tuple | ast.List) else [t] for t in node.targets]
    return [ast.unparse(one) for many in found for one in many]


def _decides(node: ast.If) -> str | None:
    """What hangs on a comparison, where it is more than the best score itself."""
    inside = [n for s in node.body for n in ast.walk(s)]
    targets = [t for n in inside if isinstance(n, ast.Assign) for t in _targets(n)]
    if any(isinstance(n, ast.Call) and _KEEPS.search(ast.unparse(n.func)) for n in inside):
        return "what is saved"
    if any(_CHOSEN.search(t) for t in targets):
        return "which setting is kept"
    otherwise = [n for s in node.orelse for n in ast.walk(s)]
    stops = any(isinstance(n, ast.Break) for n in inside + otherwise)
    if stops or any(_WAITS.search(t) for t in targets):
        return "when training stops"
    return None


def _on_test(code: Code, metric: ast.expr) -> Fact | None:
    """What shows that a metric is computed on test data, and on no validation data."""
    first: Fact | None = None
    if _is_of_train(code, metric):
        return None
    flows = code.behind(metric)
    put = {n for s in flows.values() if _is_put_into(s) for n in code.behind(s)}
    for node, spot in flows.items():
        if not _is_data(node) or node in put or _is_handed_in(spot) or _is_one_of_all(spot):
            continue
        fact = _data_part(code, spot)
        if fact is None:
            continue
        if fact.value in ("validation", "held-out"):
            return None
        if fact.value == "test" and first is None:
            first = fact
    return first


def _is_of_train(code: Code, metric: ast.expr) -> bool:
    """Whether the call that gives a metric is handed train data and no other."""
    bound = (
        code.project.reaching(metric, code.where(metric))[1] if isinstance(metric, ast.Name) else []
    )
    calls = [b.value for b in bound if isinstance(b.value, ast.Call)]
    given = [a for c in calls for a in (*c.args, *(k.value for k in c.keywords))]
    parts = {code.split(a).value for a in given if _is_data(a)} - {None}
    return parts == {"train"}


def _is_handed_in(spot: Spot) -> bool:
    """Whether it is a parameter of a function that the flow entered by a call: that tells what it is."""
    entered = spot.frame is not None and spot.frame.target.scope is spot.where.scope
    return (
        entered and isinstance(spot.node, ast.Name) and spot.node.id in spot.where.scope.parameters
    )


def _is_one_of_all(spot: Spot) -> bool:
    """Whether it stands in one list with the other parts, which says nothing of what comes of it."""
    above = spot.where.source.index.parents.get(spot.node)
    several = above.elts if isinstance(above, ast.Tuple | ast.List) else []
    parts = {splits.part_in(e.id) for e in several if isinstance(e, ast.Name)}
    return {"validation", "test"} <= parts


def _is_put_into(spot: Spot) -> bool:
    """Whether it is stored into a part of something: test rows in a whole do not make it the test part."""
    if not isinstance(spot.node, ast.Subscript):
        return False
    statement = spot.where.source.index.statement(spot.node)
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    return isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Constant)


def _data_part(code: Code, spot: Spot) -> Fact | None:
    """The part of the data that an expression is; None for what measures instead of being measured."""
    node = spot.node
    if isinstance(node, ast.Tuple | ast.List):
        found = [_data_part(code, spot.at(e, ())) for e in node.elts]
        return next((f for f in found if f is not None), None)
    name = node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
    if isinstance(node, ast.Subscript):
        return _by_key(code, node, spot)
    if _MEASURE.search(name) or _called(spot):
        return None
    if splits.part_in(name) == "validation":
        return Fact("validation", sure=False)
    fact = code.split(spot)
    return fact if fact.value in ("test", "validation", "held-out") else None


def _by_key(code: Code, node: ast.Subscript, spot: Spot) -> Fact | None:
    """The part that a key names, where it is one of the parts of the data: `loaders["test"]`."""
    key = node.slice.value if isinstance(node.slice, ast.Constant) else None
    if not isinstance(key, str) or not _HOLDS.search(ast.unparse(node.value)):
        return None
    step = Step(f"the part named `{key}`", spot.where.source, node)
    part = splits.part_in(key)
    if part == "test" and _is_cut_from_train(code, spot.at(node.value, ())):
        part = "validation"
    return Fact(part, (step,), sure=False) if part in ("test", "validation") else None


def _is_cut_from_train(code: Code, spot: Spot) -> bool:
    """Whether the parts are made of the train part: `raw["train"].train_test_split(0.1)`."""
    for node in code.behind(spot):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Subscript() as whole, attr="train_test_split")
            ):
                key = whole.slice.value if isinstance(whole.slice, ast.Constant) else ""
                return splits.part_in(str(key)) == "train"
            case ast.Call(func=ast.Attribute(value=whole, attr="train_test_split")):
                return bool(code.split(whole).value == "train")
    return False


def _called(spot: Spot) -> bool:
    """Whether the name is that of a function which is called, or only counted: `test(model)`, `len(test)`."""
    above = spot.where.source.index.parents.get(spot.node)
    if isinstance(above, ast.Call) and ast.unparse(above.func) == "len":
        return True  # how many there are is no score of them
    return isinstance(above, ast.Call) and above.func is spot.node


def _part(code: Code, spot: Spot) -> str | None:
    fact = _data_part(code, spot)
    return str(fact.value) if fact is not None else None


def _fits(code: Code) -> Iterator[tuple[Call, list[ast.expr]]]:
    """Calls that train, watch held-out data, and keep or stop by it."""
    for call in code.calls(".fit", "keras.Model.fit", "keras.Sequential.fit"):
        given = call.arg(None, "validation_data", "eval_set")
        if given is None or not _chooses(code, call):
            continue
        sets = given.elts if isinstance(given, ast.List) else [given]
        yield call, sets[-1:]
    for call in code.calls("transformers.Trainer", "trl.SFTTrainer", "transformers.Seq2SeqTrainer"):
        given = call.arg(None, "eval_dataset")
        arguments = call.arg(1, "args")
        made = code.made_by(arguments) if arguments is not None else None
        if given is not None and made and made.option("load_best_model_at_end", False) is True:
            yield call, [given]


def _chooses(code: Code, fit: Call) -> bool:
    """Whether a fit stops early or keeps its best epoch."""
    rounds = fit.arg(None, "early_stopping_rounds")
    if rounds is not None or (fit.made and fit.made.arg(None, "early_stopping_rounds")):
        return True
    callbacks = fit.arg(None, "callbacks")
    if callbacks is None:
        return False
    for node, spot in code.behind(callbacks).items():
        if isinstance(node, ast.Call):
            made = code.call(node, spot.where)
            last = (made.name or "").rpartition(".")[2]
            if last in ("EarlyStopping", "early_stopping"):
                return True
            if last == "ModelCheckpoint" and made.option("save_best_only", False) is True:
                return True
    return False


def _level(code: Code, choice: _Choice) -> Level | None:
    """A search of settings may go by a measure of the fit itself, and data from afar may be beside it."""
    weak = choice.what in ("which setting is kept", "what the best score is")
    return "possible" if weak or _from_afar(code, choice.metric) else None


def _from_afar(code: Code, metric: ast.expr) -> bool:
    """Whether test data only flows in from elsewhere: no call here is handed it, nor goes over it itself."""
    here = code.where(metric).scope
    flows = code.behind(metric)
    found = [s for s in flows.values() if _is_data(s.node) and _part(code, s) == "test"]

    def near(spot: Spot) -> bool:
        return spot.where.scope is here or spot.frame is not None

    return bool(found) and not any(near(s) for s in found)


def _claim(code: Code, choice: _Choice, fact: Fact, level: Level | None = None) -> Claim:
    return code.claim(
        choice.shown,
        f"the test data decides {choice.what}: `{_short(choice.metric)}` is computed on it, so the best "
        "score on it is partly luck",
        "choose by a validation part of the training data, and look at the test data once, at the end",
        because=fact.chain,
        confidence=0.9 if fact.sure else 0.86,
        level=level,
        metric=_short(choice.metric),
    )


def _short(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 60 else f"{text[:57]}..."
