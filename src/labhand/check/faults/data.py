"""Faults in parts, loaders, preprocessing and random numbers."""

import ast
from collections.abc import Iterator

from labhand.check.fault import fault
from labhand.check.planting import Edit, Planted, Program, keyword, last_name, names, receiver

_HELD_OUT = ("test", "val", "dev", "eval")


def _part(p: Program, call: ast.Call) -> str:
    """The part that a loader or data set is called after: train, held-out, or nothing that is sure."""
    written = f"{p.target(call)} {p.src(call.args[0]) if call.args else ''}".lower()
    held = any(word in written for word in _HELD_OUT)
    if "train" in written:
        return "" if held else "train"
    return "held-out" if held else ""


def _shown(p: Program, call: ast.Call) -> bool:
    """Whether a file without training tries its loader out where it is run by itself."""
    above = p.parents.get(call)
    while above is not None and not (isinstance(above, ast.If) and "__name__" in p.src(above.test)):
        above = p.parents.get(above)
    return above is not None and not any(w in p.text for w in ("backward", "fit(", "train("))


def _argument(p: Program, call: ast.Call, name: str) -> Edit | None:
    """A keyword argument taken out of a call."""
    told = keyword(call, name)
    if told is None:
        return None
    others = [*call.args, *(k.value for k in call.keywords if k is not told)]
    before = [o for o in others if p.end(o) < p.start(told.value)]
    if before:
        return Edit(p.end(before[-1]), p.end(told.value), "")
    after = [o for o in call.keywords if p.start(o.value) > p.end(told.value)]
    name_start = p.offset(told.lineno, told.col_offset)
    end = p.offset(after[0].lineno, after[0].col_offset) if after else p.end(told.value)
    return Edit(name_start, end, "")


@fault("shuffle-off-train", "shuffle taken out")
def unshuffled(p: Program) -> Iterator[Planted]:
    """The training loader gives the rows in the order of the file."""
    for call in p.calls("DataLoader"):
        told, gone = keyword(call, "shuffle"), _argument(p, call, "shuffle")
        true = (
            told is not None and isinstance(told.value, ast.Constant) and told.value.value is True
        )
        if true and gone is not None and _part(p, call) == "train" and not _shown(p, call):
            yield Planted([gone], [call])


@fault("shuffle-off-train", "shuffle set to False")
def shuffle_false(p: Program) -> Iterator[Planted]:
    """The training loader is told not to shuffle."""
    for call in p.calls("DataLoader"):
        told = keyword(call, "shuffle")
        true = (
            told is not None and isinstance(told.value, ast.Constant) and told.value.value is True
        )
        if told is not None and true and _part(p, call) == "train" and not _shown(p, call):
            yield Planted([p.put(told.value, "False")], [call])


@fault("drop-last-eval", "drop_last put in")
def drop_last(p: Program) -> Iterator[Planted]:
    """A loader of held-out rows leaves its last rows out."""
    for call in p.calls("DataLoader"):
        if (
            call.args
            and _part(p, call) == "held-out"
            and keyword(call, "drop_last") is None
            and "*" not in p.src(call)
        ):
            end = p.end(call.args[0])
            yield Planted(
                [
                    Edit(end, end, ", drop_last=True")
                    if len(call.args) == 1 and not call.keywords
                    else _last(p, call)
                ],
                [call],
            )


def _last(p: Program, call: ast.Call) -> Edit:
    end = max(p.end(v) for v in [*call.args, *(k.value for k in call.keywords)])
    return Edit(end, end, ", drop_last=True")


@fault("eval-on-train", "a held-out loader goes over the train set")
def loader_on_train(p: Program) -> Iterator[Planted]:
    """The loader that is called after a held-out part is given the training rows."""
    loaders = p.calls("DataLoader")
    train = [
        c.args[0]
        for c in loaders
        if c.args and isinstance(c.args[0], ast.Name) and _part(p, c) == "train"
    ]
    for call in loaders:
        if (
            call.args
            and isinstance(call.args[0], ast.Name)
            and train
            and _part(p, call) == "held-out"
            and any(word in p.target(call).lower() for word in _HELD_OUT)
        ):
            uses = [
                n
                for n in p.nodes
                if isinstance(n, ast.Name)
                and n.id == p.target(call)
                and isinstance(n.ctx, ast.Load)
            ]
            yield Planted([p.put(call.args[0], p.src(train[0]))], [call, *uses])


@fault("eval-on-train", "scored on the rows that were fitted on")
def scored_on_train(p: Program) -> Iterator[Planted]:
    """`score(X_test, y_test)` becomes that of the training rows, its name stays."""
    known = names(p.tree)
    for call in p.calls("score"):
        parts = [a for a in call.args if isinstance(a, ast.Name) and "test" in a.id]
        train = [a.id.replace("test", "train") for a in parts]
        told = "test" in p.src(p.statement(call)).replace("X_test", "").replace("y_test", "")
        if len(parts) == 2 and told and set(train) <= known:
            yield Planted([p.put(a, t) for a, t in zip(parts, train, strict=True)], [call])


@fault("augment-on-eval", "the training transform on a held-out part")
def augmented(p: Program) -> Iterator[Planted]:
    """A held-out data set is given the transform of the training rows."""
    sets = [c for c in p.nodes if isinstance(c, ast.Call) and keyword(c, "transform") is not None]
    train = [c for c in sets if "train" in p.target(c) or _true(c, "train")]
    if not train or "Random" not in p.text:
        return
    told = keyword(train[0], "transform")
    for call in sets:
        held = any(w in p.target(call) for w in _HELD_OUT) or _true(call, "train") is False
        own = keyword(call, "transform")
        if (
            held
            and told is not None
            and own is not None
            and p.src(own.value) != p.src(told.value)
            and isinstance(told.value, ast.Name)
            and "Random" in _definition(p, told.value.id)
        ):
            yield Planted([p.put(own.value, p.src(told.value))], [call, own.value])


def _true(call: ast.Call, name: str) -> bool | None:
    told = keyword(call, name)
    return told.value.value if told and isinstance(told.value, ast.Constant) else None  # type: ignore[return-value]


def _definition(p: Program, name: str) -> str:
    made = [n for n in p.nodes if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == name]
    return p.src(made[-1].value) if made else ""


def _splits(p: Program) -> Iterator[tuple[ast.Call, list[ast.Name]]]:
    """Random splits of arrays that are plain names, in programs that score."""
    scored = p.calls("score", "predict", "accuracy_score", "mean_squared_error", "f1_score")
    for call in p.calls("train_test_split"):
        given = [a for a in call.args if isinstance(a, ast.Name)]
        if (
            scored
            and given
            and len(given) == len(call.args)
            and isinstance(p.statement(call), ast.Assign)
        ):
            yield call, given


@fault("leak-fit-before-split", "scaled before the split")
def scaled_before(p: Program) -> Iterator[Planted]:
    """All rows are scaled, and split afterwards."""
    for call, given in _splits(p):
        statement = p.statement(call)
        fit = p.before(statement, f"{given[0].id} = StandardScaler().fit_transform({given[0].id})")
        imports = p.imported("from sklearn.preprocessing import StandardScaler")
        yield Planted([*imports, fit], [fit])


@fault("leak-fit-before-split", "columns chosen before the split")
def chosen_before(p: Program) -> Iterator[Planted]:
    """Columns are chosen by all labels, and the rows split afterwards."""
    for call, given in _splits(p):
        if len(given) == 2:
            x, y = given[0].id, given[1].id
            lines = [
                f"selector = SelectKBest(k=5).fit({x}, {y})",
                f"{x} = selector.transform({x})",
            ]
            fit = p.before(p.statement(call), *lines)
            imports = p.imported("from sklearn.feature_selection import SelectKBest")
            yield Planted([*imports, fit], [fit])


@fault("oversample-before-split", "rows copied before the split")
def copied_before(p: Program) -> Iterator[Planted]:
    """Rare classes are filled up, and the rows split afterwards."""
    for call, given in _splits(p):
        if len(given) == 2:
            x, y = given[0].id, given[1].id
            statement = p.statement(call)
            copy = p.before(
                statement, f"{x}, {y} = RandomOverSampler(random_state=0).fit_resample({x}, {y})"
            )
            imports = p.imported("from imblearn.over_sampling import RandomOverSampler")
            yield Planted([*imports, copy], [copy])


@fault("leak-fit-on-test", "fitted anew on held-out rows")
def fit_on_test(p: Program) -> Iterator[Planted]:
    """`transform` of held-out rows becomes `fit_transform`."""
    fitted = {receiver(c) for c in p.calls("fit", "fit_transform")}
    for call in p.calls("transform"):
        given = p.src(call.args[0]) if call.args else ""
        held = any(w in given.lower() for w in _HELD_OUT) and "train" not in given.lower()
        if held and receiver(call) in fitted and isinstance(call.func, ast.Attribute):
            name = p.end(call.func)
            yield Planted([Edit(name - len("transform"), name, "fit_transform")], [call])


@fault("split-temporal", "rows shuffled before they are split")
def shuffled(p: Program) -> Iterator[Planted]:
    """A time series is split at random."""
    temporal = any(
        word in p.text for word in (".shift(", ".rolling(", "parse_dates", "to_datetime")
    )
    for call in p.calls("train_test_split"):
        told, gone = keyword(call, "shuffle"), _argument(p, call, "shuffle")
        if temporal and told is not None and p.src(told.value) == "False" and gone is not None:
            yield Planted([gone], [call])


@fault("split-temporal", "a feature of later rows")
def ahead(p: Program) -> Iterator[Planted]:
    """`shift(k)` looks ahead."""
    for call in p.calls("shift"):
        by = call.args[0] if len(call.args) == 1 else None
        if (
            isinstance(by, ast.Constant)
            and isinstance(by.value, int)
            and by.value > 0
            and p.target(call)
        ):
            yield Planted([p.put(by, f"-{by.value}")], [call, p.statement(call)])


@fault("split-overlap", "the parts overlap")
def overlapping(p: Program) -> Iterator[Planted]:
    """The second part of `x[:n]`, `x[n:]` begins before the first one ends."""
    slices = [n for n in p.nodes if isinstance(n, ast.Subscript) and isinstance(n.slice, ast.Slice)]
    for one in slices:
        for other in slices:
            first, second = one.slice, other.slice
            assert isinstance(first, ast.Slice) and isinstance(second, ast.Slice)
            same = ast.unparse(one.value) == ast.unparse(other.value) and p.function(
                one
            ) is p.function(other)
            if not same or first.lower or second.upper or not first.upper or not second.lower:
                continue
            cut = ast.unparse(first.upper)
            if (
                cut == ast.unparse(second.lower)
                and not cut.startswith("-")
                and p.target(one)
                and p.target(other)
            ):
                part = f"{p.target(one)} {p.target(other)}".lower()
                if any(w in part for w in (*_HELD_OUT, "train")):
                    yield Planted(
                        [p.put(second.lower, f"{p.src(second.lower)} // 2")], [other, one]
                    )


@fault("worker-numpy-seed", "a generator of its own in the data set")
def own_generator(p: Program) -> Iterator[Planted]:
    """Each worker gets a copy of one generator."""
    workers = [k for c in p.calls("DataLoader") if (k := keyword(c, "num_workers")) is not None]
    if not workers or all(p.src(k.value) == "0" for k in workers):
        return
    for call in p.nodes:
        if not isinstance(call, ast.Call) or not p.src(call.func).startswith(
            ("np.random.", "random.")
        ):
            continue
        where = p.function(call)
        klass = p.parents.get(where)
        inits = [
            f
            for f in getattr(klass, "body", [])
            if isinstance(f, ast.FunctionDef) and f.name == "__init__"
        ]
        drawn = last_name(call.func) in (
            "normal",
            "uniform",
            "rand",
            "randn",
            "choice",
            "permutation",
        )
        if (
            isinstance(where, ast.FunctionDef)
            and where.name == "__getitem__"
            and inits
            and drawn
            and p.src(call.func).startswith("np")
        ):
            made = p.after(inits[0].body[-1], "self.rng = np.random.default_rng(0)")
            name = {"rand": "random", "randn": "standard_normal"}.get(
                last_name(call.func), last_name(call.func)
            )
            yield Planted([made, p.put(call.func, f"self.rng.{name}")], [made])


@fault("seed-incomplete", "one of the seeds taken out")
def seed_gone(p: Program) -> Iterator[Planted]:
    """A generator that is drawn from is seeded no more, others are."""
    seeds = [
        c
        for c in p.calls("seed", "manual_seed")
        if p.alone(c) is not None and receiver(c) in ("random", "np.random", "torch")
    ]
    for call in seeds:
        others = [c for c in seeds if receiver(c) != receiver(call)]
        own = {"random": "random.", "np.random": "np.random.", "torch": "torch.rand"}[
            receiver(call)
        ]
        drawn = [
            n
            for n in p.nodes
            if isinstance(n, ast.Call)
            and p.src(n.func).startswith(own)
            and "seed" not in p.src(n.func)
        ]
        statement = p.alone(call)
        if others and drawn and statement is not None:
            yield Planted([p.drop(statement)], [*others, *drawn])
