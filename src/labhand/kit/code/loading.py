"""What feeds a training: loaders, the data sets and collate functions behind them, their workers."""

import ast
from collections.abc import Iterator

from labhand.kit.code import knowledge
from labhand.kit.code.calls import Call, call_of
from labhand.kit.code.model import Scope
from labhand.kit.code.origins import Origin, origins
from labhand.kit.code.project import Known, Project, Where
from labhand.kit.code.source import Source

_DATASETS = frozenset(
    f"torch.utils.data.{name}"
    for name in ("Dataset", "IterableDataset", "dataset.Dataset", "dataset.IterableDataset")
)
_DIVIDING = frozenset(
    "torch.utils.data.random_split torch.utils.data.Subset torch.utils.data.ConcatDataset".split()
)
_ITEMS = ("__getitem__", "__getitems__", "__iter__")


def is_dataset(project: Project, known: Known) -> bool:
    """Whether a class of the project is a data set: by its base, or by how it is indexed and counted."""
    line, outside = project.lineage(known)
    methods = {name for member in line for name in member.klass.methods}
    if outside & _DATASETS:
        return True
    return {"__getitem__", "__len__"} <= methods and not outside - knowledge.PLAIN_BASES


def item_methods(known: Known) -> list[Where]:
    """The methods of a data set that make its items."""
    return [Where(known.source, known.klass.methods[n]) for n in _ITEMS if n in known.klass.methods]


def loaders(project: Project, source: Source) -> Iterator[Call]:
    """The making of every torch loader in a file and in those that import it."""
    for one in (source, *project.importers(source)):
        for node, scope in one.index.called.get("DataLoader", ()):
            call = call_of(project, node, Where(one, scope))
            if call.name in knowledge.LOADERS:
                yield call


def dataset_of(loader: Call) -> Known | None:
    """The class of the project whose items a loader hands out, subsets and splits of it looked into."""
    given = loader.arg(0, "dataset")
    return _class_behind(loader.project, given, loader.where, 4) if given is not None else None


def loader_over(project: Project, over: ast.expr, where: Where) -> Call | None:
    """The making of the loader that a loop goes over, where there is just one."""
    found = origins(project, over, where)
    if len(found) != 1 or found[0].name not in knowledge.LOADERS:
        return None
    made, place = found[0].expression, found[0].where
    return call_of(project, made, place) if isinstance(made, ast.Call) and place else None


def makers_of_batches(loader: Call) -> list[Where]:
    """The functions whose results a loader hands out: its `collate_fn`, else its data set's items."""
    given = loader.arg(None, "collate_fn")
    if given is not None:
        found = loader.project.definition(given, loader.where)
        if isinstance(found, Where):
            return [found]
        kinds = origins(loader.project, given, loader.where)
        known = kinds[0].known if len(kinds) == 1 else None
        method = loader.project.method(known, "__call__") if known is not None else None
        return [method] if method is not None else []
    known = dataset_of(loader)
    return item_methods(known) if known is not None else []


def has_workers(loader: Call) -> bool | None:
    """Whether a loader has worker processes: False where it surely has none, None where it is not known."""
    given = loader.arg(5, "num_workers")
    if given is None:
        return None if any(k.arg is None for k in loader.node.keywords) else False
    number = constant(loader.project, given, loader.where)
    return number > 0 if isinstance(number, int) else None


def constant(project: Project, expression: ast.expr, where: Where) -> object:
    """The literal that an expression surely stands for; `...` where it is none."""
    found = origins(project, expression, where)
    if len(found) == 1 and found[0].kind == "constant":
        return ast.literal_eval(found[0].name)
    return ...


def _class_behind(project: Project, given: ast.expr, where: Where, depth: int) -> Known | None:
    for origin in _sources(project, given, where):
        if origin.kind == "instance" and origin.known is not None:
            return origin.known
        made, place = origin.expression, origin.where
        if origin.name in _DIVIDING and isinstance(made, ast.Call) and place and depth:
            inner = made.args[0] if made.args else None
            if isinstance(inner, ast.List | ast.Tuple) and inner.elts:
                inner = inner.elts[0]
            return _class_behind(project, inner, place, depth - 1) if inner is not None else None
    return None


def _sources(project: Project, given: ast.expr, where: Where) -> list[Origin]:
    found = origins(project, given, where)
    if isinstance(given, ast.Name) and all(o.kind == "unknown" for o in found):
        # One part of what `random_split` gives.
        _, bindings = project.reaching(given, where)
        parts = [b.value for b in bindings if b.path and isinstance(b.value, ast.Call)]
        return [o for p in parts for o in origins(project, p, where)]
    return found


def reached(project: Project, start: Where, known: Known) -> list[Scope]:
    """A method, and what it calls of its own class and of the project's functions, further down too."""
    found = [start]
    for where in found:
        for call in where.scope.calls:
            function = call.func
            own = isinstance(function, ast.Attribute) and ast.unparse(function.value) == "self"
            target = (
                project.method(known, function.attr)
                if own and isinstance(function, ast.Attribute)
                else call_of(project, call, where).target
            )
            if isinstance(target, Where) and target not in found:
                found.append(target)
    return [where.scope for where in found]
