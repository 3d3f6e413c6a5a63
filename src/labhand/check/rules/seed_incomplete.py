"""Seeding that misses a generator which is drawn from, or starts it anew in each step."""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code import draws, knowledge, loading
from labhand.kit.code.calls import Call, call_of
from labhand.kit.code.knowledge import tables
from labhand.kit.code.model import FunctionNode, LoopNode
from labhand.kit.code.project import Where
from labhand.kit.code.source import Source

_MOST_FILES = 40
_SEEDING = {
    "python": ("random", "seed"),
    "numpy": ("numpy", "random.seed"),
    "torch": ("torch", "manual_seed"),
    "tensorflow": ("tensorflow", "random.set_seed"),
}
_LAYERS = {
    "torch": ("torch.nn.", ("Linear", "Conv2d", "Conv1d", "Embedding", "LSTM", "GRU")),
    "tensorflow": ("keras.layers.", ("Dense", "Conv2D", "LSTM", "Embedding")),
}
_TRAINS = {"torch": ".backward(", "tensorflow": ".fit("}
_SHOWN = {
    "tensorflow": "TensorFlow",
    "python": "Python's `random`",
    "numpy": "NumPy",
    "torch": "torch",
    "cuda": "CUDA",
}
_STEPS = frozenset({"training_step", "train_step", "forward", "training_epoch"})
_DRAWN = re.compile(r"initial_seed|rand|time|secrets")
_OF_A_PART = re.compile(r"(split|data|fold|shuffle|env|sampl\w*)_?seed", re.I)
"""Seeds that say of what they are."""
_KEYS = frozenset({"PRNGKey", "key", "fold_in", "key_data", "wrap_key_data", "clone", "key_impl"})


class _Seed(NamedTuple):
    call: Call
    family: str
    value: ast.expr | None


class Rule:
    """Seeding that misses a generator which is drawn from, or starts it anew in each step.

    ## What it does
    Reports the first seeding of code that seeds some of Python's, NumPy's and torch's generators, where
    another of them is drawn from and seeded nowhere; a seeding with the same number in each pass of a
    training loop or for each item; and, in JAX, a key that is used in each pass of a loop.
    Generators that are not seeded, and seedings by functions of the project, are told only if this rule is
    selected.

    ## Why is this bad
    A run that looks seeded is not repeatable, and two arms of a comparison differ by luck. A generator
    that starts anew in each step gives the same dropout masks, the same noise and the same order again
    and again.

    ## Known problems
    Only code that already tries to seed is looked at. Draws in the items of a loader with workers are left
    out: torch seeds the workers from its own seed. What other packages draw is not seen.

    ## Example
    ```python
    torch.manual_seed(args.seed)
    order = np.random.permutation(len(data))
    ```

    ## Use instead
    ```python
    torch.manual_seed(args.seed)
    np.random.seed(args.seed)
    order = np.random.permutation(len(data))
    ```

    ## Fix safety
    Scientific: the fix inserts the seeding that is missing, and every draw changes once.

    ## References
    - https://docs.pytorch.org/docs/stable/notes/randomness.html
    - https://docs.jax.dev/en/latest/random-numbers.html
    - Real cases: https://github.com/pytorch/examples/commit/a60bd4e,
      https://github.com/pytorch/examples/commit/32c15f2.
    """

    severity: Severity = "warning"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The seedings of one file that miss something or come too often, and its worn-out keys."""
        if code.is_test:
            return
        if code.mentions("seed"):
            again = {c.node for c in _again(code)}
            yield from _again(code)
            seeds = [
                s
                for s in _seeds(code, code.source)
                if s.call.node not in again and _of_run(s) and not _of_one_draw(code, s)
            ]
            if seeds:
                yield from _missing(code, seeds)
        if code.mentions("jax"):
            yield from _worn_keys(code)
            yield from _spent_keys(code)


# Generators that are drawn from and seeded nowhere


def _missing(code: Code, seeds: list[_Seed]) -> Iterator[Claim]:
    first = seeds[0]
    main = all(_in_main_block(code.source, s.call.node) for s in seeds)
    main = main or not code.project.importers(code.source)
    files = (code.project.below if main else code.project.component)(code.source)
    if len(files) > _MOST_FILES:
        return
    seeded = {s.family for one in files for s in _seeds(code, one)}
    if "every" in seeded or any("seed_everything" in f.text for f in files):
        return
    runs = files if main else _runs_with(code, seeds)
    of_seed = {n for s in seeds if s.value is not None for n in code.behind(s.value)}
    found = {
        family: next(
            (
                d
                for one in runs
                for d in _run_draws(code, one, family, files)
                if d.node not in of_seed
            ),
            None,
        )
        for family in _SEEDING
        if family not in seeded
    }
    missing = {family: draw for family, draw in found.items() if draw is not None}
    if missing:
        yield _missing_claim(code, first, seeds, missing)


def _runs_with(code: Code, seeds: list[_Seed]) -> list[Source]:
    """The files of the runs that come to a seeding: those that call its function, and what they import."""
    found: dict[Source, None] = {}
    for seed in seeds:
        if isinstance(seed.call.where.scope.node, FunctionNode):
            roots = [s.where.source for s in code.project.callers(seed.call.where) or ()]
        else:
            roots = [code.source, *code.project.importers(code.source)]
        for root in dict.fromkeys(roots):
            found |= dict.fromkeys(code.project.below(root))
    return list(found)


def _in_main_block(source: Source, node: ast.AST) -> bool:
    """Whether it runs only where the file itself is run."""
    above = source.index.ancestors(node)
    return any(isinstance(a, ast.If) and "__name__" in ast.unparse(a.test) for a in above)


def _missing_claim(code: Code, first: _Seed, seeds: list[_Seed], missing: dict[str, Call]) -> Claim:
    known = " and ".join(_SHOWN[f] for f in dict.fromkeys(s.family for s in seeds) if f in _SHOWN)
    shown = " and ".join(_SHOWN[f] for f in missing)
    calls = " and ".join(f"`{'.'.join(_SEEDING[f])}(…)`" for f in missing)
    return code.claim(
        first.call.node,
        f"this seeds {known or 'other generators'}, but nothing seeds {shown}, though it is drawn from",
        f"call {calls} too",
        because=[
            code.step(f"{_SHOWN[family]} is drawn from here", draw.node, draw.where)
            for family, draw in missing.items()
        ],
        confidence=0.88,
        change=_change(code, first, list(missing)),
        level="possible",
        missing=list(missing),
    )


def _of_run(seed: _Seed) -> bool:
    """Whether a seeding is that of a whole run, and not of a worker, an item or one table of numbers."""
    said = "" if seed.value is None else ast.unparse(seed.value)
    if not said or _DRAWN.search(said) or _OF_A_PART.search(said):
        return False
    name = seed.call.where.scope.name.lower()
    if name in ("seed", "reset") and seed.call.where.scope.owner is not None:
        return False  # an environment seeds itself where it is told to
    if f"worker_init_fn={seed.call.where.scope.name}" in seed.call.where.source.text:
        return False
    if _of_data(seed.call.where) or _of_a_pass(seed):
        return False
    return not any(
        w in name for w in ("__getitem__", "__iter__", "__call__", "worker", "transform")
    )


def _of_data(where: Where) -> bool:
    """Whether a method seeds the draws of its own class, which gives out data and trains nothing."""
    owner = where.scope.owner
    return owner is not None and bool(
        {"__getitem__", "__iter__", "__next__", "generate_batch"} & set(owner.methods)
    )


def _of_a_pass(seed: _Seed) -> bool:
    """Whether a seeding comes again in a loop that does not go over seeds: it fixes what the pass draws."""
    loops = seed.call.where.source.index.loops(seed.call.node)
    names = {n.id for n in ast.walk(seed.value or seed.call.node) if isinstance(n, ast.Name)}
    bound = {n.id for one in loops for n in ast.walk(one) if isinstance(n, ast.Name) and _binds(n)}
    return bool(loops) and not names & bound


def _of_one_draw(code: Code, seed: _Seed) -> bool:
    """Whether a seeding is for what is drawn right after it, or in a function that trains nothing."""
    scope = seed.call.where.scope
    if seed.family in _drawn_next(code, seed):
        return True
    if not isinstance(scope.node, FunctionNode) or re.search(r"main|train|run", scope.name):
        return False
    calls = [code.call(node) for node in scope.calls]
    words = {(c.entry("random") or {}).get("draws") for c in calls}
    return seed.family in words and not any(c.method in ("backward", "fit") for c in calls)


def _drawn_next(code: Code, seed: _Seed) -> set[object]:
    """From what the statement after a seeding draws; of a cell, the first of the next three that draws."""
    statement = code.source.index.statement(seed.call.node)
    block = code.source.index.block(statement)
    near = 3 if code.source.cells and not seed.call.where.scope.parent else 1
    for after in block[block.index(statement) + 1 :][:near]:
        nodes = {n for n in ast.walk(after) if isinstance(n, ast.Call)}
        calls = [code.call(n) for n in seed.call.where.scope.calls if n in nodes]
        known = [c.entry("random") or {} for c in calls]
        words = {e.get(how) for e in known for how in ("draws", "falls_back")} - {None}
        if words:
            return words
    return set()


def _seeds(code: Code, source: Source) -> list[_Seed]:
    """The seedings in a file, in order."""
    known = code.project.domains.setdefault("seedings", {})
    if source not in known:
        known[source] = []
        for call, word in _entries(code, source, "seeds"):
            known[source].append(_Seed(call, word, call.arg(0, "seed", "a")))
    return list(known[source])


def _entries(code: Code, source: Source, key: str) -> Iterator[tuple[Call, str]]:
    """The calls in any file of the project that the table of generators has under a key."""
    if source is code.source:
        for call, entry in code.known("random", key):
            yield call, str(entry[key])
        return
    for name, entry in tables.entries("random").items():
        if key in entry:
            for node, scope in source.index.called.get(name.rpartition(".")[2], ()):
                call = call_of(code.project, node, Where(source, scope))
                if call.name == name:
                    yield call, str(entry[key])


def _run_draws(code: Code, source: Source, family: str, files: list[Source]) -> Iterator[Call]:
    """The draws in a file that a run of this one, with these files, can come to."""
    for draw in _draws(code, source, family):
        if source is code.source or not (
            _in_main_block(source, draw.node) or draws.is_idle(draw.where, files)
        ):
            yield draw


def _draws(code: Code, source: Source, family: str) -> Iterator[Call]:
    """What surely draws from the global generator of a family in a file, leaving out items of loaders."""
    name = source.path.name
    if name.startswith(("test_", "conftest")):
        return
    items = draws.of_items(code.project, source, code.source)
    for call, word in _entries(code, source, "draws"):
        own = call.arg(None, "generator") is not None
        looks = word in ("python", "numpy") and draws.is_for_a_look(call)
        if word == family and not own and call.where.scope.node not in items and not looks:
            yield call
    for call, word in _entries(code, source, "falls_back"):
        when = (call.entry("random") or {}).get("when")
        given = call.arg(None, "random_state", "generator", "sampler")
        if word == family and given is None and (when is None or call.option(when) is True):
            yield call
    if family in _LAYERS and _TRAINS[family] in source.text:
        package, layers = _LAYERS[family]
        for last in layers:
            for node, scope in source.index.called.get(last, ()):
                call = call_of(code.project, node, Where(source, scope))
                if call.name == f"{package}{last}":
                    yield call


def _change(code: Code, first: _Seed, families: list[str]) -> Change | None:
    """Seeds them all beside the first seeding, where the file imports what does so."""
    texts = []
    for family in families:
        module, function = _SEEDING[family]
        for name, bindings in code.source.index.module.bindings.items():
            if all(b.how == "import" and b.target == module for b in bindings) and first.value:
                texts.append(f"{name}.{function}({code.text(first.value)})")
    if len(texts) != len(families):
        return None
    anchor = code.source.index.statement(first.call.node)
    summary = f"Insert {' and '.join(f'`{t}`' for t in texts)}"
    return Change("scientific", summary, [code.after(anchor, t) for t in reversed(texts)])


# The same seed, again and again


def _again(code: Code) -> Iterator[Claim]:
    for call in _seeding_calls(code):
        value = call.arg(0, "seed", "a")
        scope = call.where.scope
        if value is None or any(
            w in scope.name for w in ("eval", "valid", "test", "sampl", "worker")
        ):
            continue
        if _for_each_item(code, call) and _constant(value, scope.node):
            around: ast.stmt | None = scope.node if isinstance(scope.node, FunctionNode) else None
            how = f"each call of `{scope.name}`"
        else:
            around = _training_loop(code, call, value)
            how = f"each pass of the loop at line {code.line(around)}" if around is not None else ""
        if around is not None and not code.guards(call.node):
            yield code.claim(
                call.node,
                f"{how} starts the generator anew at `{code.text(value)}`: the same random numbers are "
                "drawn again and again",
                "seed once, before the training begins",
                because=[code.step("it comes round again here", around)],
                confidence=0.9,
                level="possible" if isinstance(call.target, Where) else None,
            )


def _seeding_calls(code: Code) -> Iterator[Call]:
    """The seedings, and the calls of the project's own functions that do nothing else but seed."""
    yield from (s.call for s in _seeds(code, code.source))
    for last, sites in code.source.index.called.items():
        if "seed" in last.lower():
            for node, scope in sites:
                call = code.call(node, Where(code.source, scope))
                given = len(node.args) + len(node.keywords)  # more than one may tell passes apart
                if isinstance(call.target, Where) and given == 1:
                    inner = [call_of(code.project, n, call.target) for n in call.target.scope.calls]
                    seeds = [c for c in inner if "seeds" in (c.entry("random") or {})]
                    if seeds and all(_hands_on(c) for c in seeds):
                        yield call


def _hands_on(seed: Call) -> bool:
    """Whether a function seeds by what it was given; else it may draw a seed of its own."""
    value = seed.arg(0, "seed", "a")
    inside = [*ast.walk(value)] if value is not None else []
    names = {n.id for n in inside if isinstance(n, ast.Name)} - {"self", "cls"}
    kept = any(isinstance(n, ast.Subscript) for n in inside)
    return not kept and bool(names & {*seed.where.scope.parameters})


def _for_each_item(code: Code, call: Call) -> bool:
    owner = code.project.owner(call.where)
    if owner is None or call.where.scope.owner is None:
        return False
    name = call.where.scope.name
    if name in ("__getitem__", "__getitems__"):
        return loading.is_dataset(code.project, owner)
    bases = code.project.lineage(owner)[1]
    modules = {"torch.nn.Module", "lightning.pytorch.LightningModule", "transformers.Trainer"}
    return name in _STEPS and bool(bases & modules) and code.without_gradients(call) is not True


def _constant(value: ast.expr, function: ast.AST) -> bool:
    """Whether a seed is a number or a setting, and nothing of what the function is given or makes."""
    if isinstance(value, ast.Attribute):
        return True
    if isinstance(value, ast.Name):
        stored = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and _binds(n)}
        given = {a.arg for a in ast.walk(function) if isinstance(a, ast.arg)}
        return value.id not in stored | given
    return isinstance(value, ast.Constant) and value.value is not None


def _binds(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def _training_loop(code: Code, call: Call, value: ast.expr) -> ast.stmt | None:
    """The training loop in each pass of which a seed is the same; runs of whole trainings are none."""
    if code.without_gradients(call) is True:
        return None
    for loop in code.loops(call.node):
        names = {n.id for n in ast.walk(value) if isinstance(n, ast.Name)}
        fixed = not any(isinstance(n, ast.Call) for n in ast.walk(value))
        bound = {n.id for n in ast.walk(loop.node) if isinstance(n, ast.Name) and _binds(n)}
        if names & bound or not fixed:
            return None
        if loop.kind in ("epoch", "batch", "accumulation"):
            happening = list(code.running(loop.node, 2))
            methods = {h.call.method for h in happening}
            fresh = any(knowledge.is_optimizer(h.call.name or "") for h in happening)
            return loop.node if "backward" in methods and not fresh else None
    return None


# JAX: a key that is used up


def _worn_keys(code: Code) -> Iterator[Claim]:
    told: set[ast.AST] = set()
    for node in code.nodes(ast.Call):
        call = code.call(node)
        name = call.name or ""
        if not name.startswith("jax.random.") or call.method in _KEYS:
            continue
        key = call.arg(0, "key")
        loop = _passes_with(code, key, node) if isinstance(key, ast.Name) else None
        if loop is None or not isinstance(key, ast.Name) or loop in told:
            continue
        told.add(loop)
        yield code.claim(
            node,
            f"each pass of the loop at line {code.line(loop)} draws with the same key `{key.id}`: the "
            "random numbers are the same in all of them",
            f"split it in each pass: `{key.id}, subkey = jax.random.split({key.id})`",
            because=[code.step("it comes round again here", loop)],
            confidence=0.93,
        )


def _spent_keys(code: Code) -> Iterator[Claim]:
    """Steps of a training that are handed the same key in each pass, and draw with it as it is."""
    told: set[ast.AST] = set()
    for call in (c for where in code.functions for c in map(code.call, where.scope.calls)):
        statement = code.source.index.statement(call.node)
        if not isinstance(statement, ast.Assign) or statement.value is not call.node:
            continue
        bound = {n.id for t in statement.targets for n in ast.walk(t) if isinstance(n, ast.Name)}
        given = [a for a in call.node.args if isinstance(a, ast.Name)]
        if not bound & {a.id for a in given}:
            continue  # nothing goes on from pass to pass
        for key in given:
            made = code.made_by(key)
            loop = _passes_with(code, key, call.node)
            if made is None or (made.name or "").rpartition(".")[0] != "jax.random":
                continue
            if loop is None or loop in told or not _draws_with(code, call, key):
                continue
            told.add(loop)
            yield code.claim(
                call.node,
                f"each pass of the loop at line {code.line(loop)} is handed the same key `{key.id}`: the "
                "random numbers are the same in all of them",
                f"split it in each pass: `{key.id}, subkey = jax.random.split({key.id})`",
                because=[code.step("the key is made here", made.node, made.where)],
                confidence=0.9,
            )


def _draws_with(code: Code, call: Call, key: ast.Name) -> bool:
    """Whether a function of the project hands the key on as it is, in a file that makes no other of it."""
    target, place = call.target, call.node.args.index(key)
    if not isinstance(target, Where) or place >= len(target.scope.parameters):
        return False
    name = target.scope.parameters[place]
    given = [a for n in target.scope.calls for a in (*n.args, *(k.value for k in n.keywords))]
    used = any(isinstance(m, ast.Name) and m.id == name for a in given for m in ast.walk(a))
    text = target.source.text
    return used and "fold_in" not in text and ("rngs=" in text or "random." in text)


def _passes_with(code: Code, key: ast.Name, node: ast.Call) -> LoopNode | None:
    """The loop around a draw which binds the key nowhere."""
    loops = code.source.index.loops(node)
    if not loops:
        return None
    loop = loops[0]
    names = [n for n in ast.walk(loop) if isinstance(n, ast.Name)]
    return None if any(n.id == key.id and _binds(n) for n in names) else loop
