"""Random numbers that are the same in every worker of a loader."""

import ast
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code import loading
from labhand.kit.code.calls import Call
from labhand.kit.code.model import FunctionNode, Scope
from labhand.kit.code.project import Known, Where


class Rule:
    """Random numbers that are the same in every worker of a loader.

    ## What it does
    Reports a random generator of a data set's own (`default_rng`, `RandomState`, `random.Random`,
    `torch.Generator`) that is made once and drawn from when items are made, where a DataLoader with
    workers loads them; and a `worker_init_fn` that gives every worker the same seed.

    ## Why is this bad
    Each worker gets a copy of the data set, generator and all, in the same state: all workers draw the
    same "random" crops and noise, and after each epoch the copies are made anew and draw them again.
    torch reseeds only the global generators of torch, Python and (since 1.9) NumPy.

    ## Known problems
    The global `np.random` is not reported: torch has reseeded it in each worker since 1.9. Silent where
    the number of workers is surely 0, and where the class or a `worker_init_fn` looks at the worker.

    ## Example
    ```python
    class Noisy(Dataset):
        def __init__(self, x):
            self.x, self.rng = x, np.random.default_rng(0)

        def __getitem__(self, i):
            return self.x[i] + self.rng.normal(size=self.x[i].shape)

    loader = DataLoader(Noisy(x), num_workers=4)
    ```

    ## Use instead
    ```python
    def seed_worker(worker_id):
        info = torch.utils.data.get_worker_info()
        info.dataset.rng = np.random.default_rng(info.seed)

    loader = DataLoader(Noisy(x), num_workers=4, worker_init_fn=seed_worker)
    ```

    ## Fix safety
    Scientific: a constant seed in `worker_init_fn` is replaced by `torch.initial_seed() % 2**32`. A
    generator of the data set's own is not mended: where to make it is the author's choice.

    ## References
    - https://docs.pytorch.org/docs/stable/notes/randomness.html#dataloader
    - Real cases: https://tanelp.github.io/posts/a-bug-that-plagues-thousands-of-open-source-ml-projects/,
      https://github.com/pytorch/pytorch/issues/5059, https://github.com/TorchDSP/torchsig/issues/361.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The generators and seeds of one file that all workers share."""
        if code.mentions("worker_init_fn"):
            yield from _constant_seeds(code)
        if code.mentions("__getitem__", "__iter__") and _makes_generators(code):
            for klass in code.source.index.classes:
                known = Known(code.source, klass)
                if loading.is_dataset(code.project, known):
                    yield from _shared(code, known)


def _makes_generators(code: Code) -> bool:
    return code.mentions("default_rng", "RandomState", "Generator", "random.Random", "Random(")


# A generator that is made once and copied into each worker


def _shared(code: Code, known: Known) -> Iterator[Claim]:
    generators = list(_generators(code, known))
    if not generators or "get_worker_info" in code.text(known.klass.node):
        return
    for made, written, scopes in generators:
        draw = next(
            (n for s in scopes for n in _uses(code, s, written) if not _makes(code, n)), None
        )
        loader = _loader(code, known) if draw is not None else None
        if draw is None or loader is None:
            continue
        yield code.claim(
            made.node,
            f"every worker of the loader gets a copy of `{written}` in the same state: all of them "
            "draw the same random numbers, and the same again each epoch",
            f"make `{written}` anew in each worker: from `get_worker_info().seed` in a "
            "`worker_init_fn`, or when the first item is asked for",
            because=[
                code.step("items are made with it here", draw),
                code.step("the loader with workers", loader.node, loader.where),
            ],
            confidence=0.95 if loading.has_workers(loader) else 0.88,
            generator=made.name or "",
        )


def _generators(code: Code, known: Known) -> Iterator[tuple[Call, str, list[Scope]]]:
    """The generators that a data set keeps, how it writes them, and the methods that make its items."""
    methods = loading.item_methods(known)
    scopes = [s for m in methods for s in loading.reached(code.project, m, known)]
    if not scopes:
        return
    for name, values in known.klass.attributes.items():
        made = [c for v, scope, _ in values for c in _made(code, v, scope)]
        outside = [c for c in made if c.where.scope not in scopes]
        if outside and len(made) == len(outside):
            yield outside[0], f"self.{name}", scopes
    for name, bindings in code.source.index.module.bindings.items():
        made = [c for b in bindings if b.value for c in _made(code, b.value, code.module.scope)]
        if made and all(name not in s.bindings for s in scopes):
            yield made[0], name, scopes


def _made(code: Code, value: ast.expr, scope: Scope) -> Iterator[Call]:
    if isinstance(value, ast.IfExp | ast.BoolOp):
        parts = [value.body, value.orelse] if isinstance(value, ast.IfExp) else value.values
        for part in parts:
            yield from _made(code, part, scope)
    if isinstance(value, ast.Call):
        call = code.call(value, Where(code.source, scope))
        inner = value.func.value if isinstance(value.func, ast.Attribute) else None
        if (call.entry("random") or {}).get("makes") and not (call.name or "").startswith("jax."):
            yield call
        elif isinstance(inner, ast.Call) and call.method == "manual_seed":  # which gives it back
            yield from _made(code, inner, scope)


def _uses(code: Code, scope: Scope, written: str) -> Iterator[ast.expr]:
    kinds: list[ast.Attribute | ast.Name] = [*code.nodes(ast.Attribute), *code.nodes(ast.Name)]
    for node in kinds:
        last = node.attr if isinstance(node, ast.Attribute) else node.id
        if not written.endswith(last) or isinstance(node.ctx, ast.Store):
            continue
        if ast.unparse(node) == written and code.source.index.scope(node) is scope:
            yield node


def _makes(code: Code, node: ast.expr) -> bool:
    """Whether a use only asks whether there is a generator: `if self.rng is None`."""
    return isinstance(code.source.index.parents.get(node), ast.Compare)


def _loader(code: Code, known: Known) -> Call | None:
    """A loader with workers of such a data set that does nothing about it."""
    for loader in loading.loaders(code.project, code.source):
        found = loading.dataset_of(loader)
        if found is None or known.klass not in [k.klass for k in code.project.lineage(found)[0]]:
            continue
        if loading.has_workers(loader) is False:
            continue
        given = loader.arg(8, "worker_init_fn")
        if given is None or _only_global(code, given, loader.where):
            return loader
    return None


def _only_global(code: Code, given: ast.expr, where: Where) -> bool:
    """Whether a `worker_init_fn` surely leaves the data set alone."""
    body = _body(code, given, where)
    return body is not None and not any(
        isinstance(n, ast.Attribute | ast.Name)
        and (getattr(n, "attr", "") or getattr(n, "id", "")) in ("dataset", "get_worker_info")
        for n in ast.walk(body)
    )


# One seed for all workers


def _constant_seeds(code: Code) -> Iterator[Claim]:
    for loader in code.calls(
        "torch.utils.data.DataLoader", "torch.utils.data.dataloader.DataLoader"
    ):
        given = loader.arg(8, "worker_init_fn")
        if given is None or loading.has_workers(loader) is False:
            continue
        body = _body(code, given, loader.where)
        if body is None or body not in (*code.source.index.parents, *code.source.index.of_node):
            continue
        for node in ast.walk(body):
            call = code.call(node) if isinstance(node, ast.Call) else None
            seeds = (call.entry("random") or {}).get("seeds") if call is not None else None
            seed = call.arg(0, "seed", "a") if call is not None and seeds else None
            if call is not None and seed is not None and _same_everywhere(code, seed, body):
                yield _seed_claim(code, call, seed, loader)


def _body(code: Code, given: ast.expr, where: Where) -> ast.AST | None:
    """The function that a loader starts its workers with: a lambda or a function of the project."""
    if isinstance(given, ast.Lambda):
        return given
    found = code.project.definition(given, where)
    return found.scope.node if isinstance(found, Where) else None


def _same_everywhere(code: Code, seed: ast.expr, body: ast.AST, depth: int = 3) -> bool:
    """Whether a seed surely is one for all workers: made of constants and settings alone."""
    match seed:
        case ast.Constant(value=value):
            return value is not None
        case ast.Attribute():
            return True  # a setting: `args.seed`
        case ast.BinOp(left=left, right=right):
            return all(_same_everywhere(code, part, body, depth) for part in (left, right))
        case ast.Name() if depth:
            given = body.args if isinstance(body, ast.Lambda | FunctionNode) else None
            if given is None or seed.id in {a.arg for a in (*given.posonlyargs, *given.args)}:
                return False
            _, bindings = code.project.reaching(seed, code.where(seed))
            values = [b.value for b in bindings if b.how == "assign" and not b.path and b.value]
            same = [_same_everywhere(code, v, body, depth - 1) for v in values]
            return bool(bindings) and len(values) == len(bindings) and all(same)
    return False


def _seed_claim(code: Code, call: Call, seed: ast.expr, loader: Call) -> Claim:
    change = None
    if "torch" in code.source.index.module.bindings:
        change = Change(
            "scientific",
            "Seed each worker from its own seed",
            [code.replace(seed, "torch.initial_seed() % 2**32")],
        )
    return code.claim(
        call.node,
        f"every worker is seeded with `{code.text(seed)}`: all of them draw the same random numbers, "
        "and the same again each epoch",
        "use `torch.initial_seed() % 2**32`, which differs from worker to worker and epoch to epoch",
        because=[code.step("the workers start with it", loader.node, loader.where)],
        confidence=0.95,
        change=change,
        generator=call.name or "",
    )
