"""Random draws that change no result: for a look, in items of loaders, or in code that nothing runs."""

import ast
import re

from labhand.kit.code import loading
from labhand.kit.code.calls import Call
from labhand.kit.code.model import FunctionNode
from labhand.kit.code.project import Known, Project, Where
from labhand.kit.code.source import Source

_PICTURES = re.compile(r"\bplt\.|imshow|Image\.open|plot_\w+\(|pred_and_plot")
_SHOWS = re.compile(r"print$|display$|plt\.|ax\w*\.|(logg\w+|log)\.")


def is_idle(where: Where, files: list[Source]) -> bool:
    """Whether a function, or the class that it is a method of, is named nowhere but in itself."""
    scope, whole = where.scope, None
    while scope.parent is not None:
        whole = scope.owner.node if scope.owner is not None else scope.node
        scope = scope.parent
    if whole is None or isinstance(whole, ast.Module):
        return False
    own = range(whole.lineno, (whole.end_lineno or whole.lineno) + 1)
    return not any(
        whole.name in (getattr(n, "id", ""), getattr(n, "attr", ""))
        and not (one is where.source and n.lineno in own)
        for one in files
        for kind in (ast.Name, ast.Attribute)
        for n in one.index.by_type.get(kind, ())
        if isinstance(n, ast.expr)
    )


def is_for_a_look(call: Call) -> bool:
    """Whether a draw picks what is shown or tried out: it is printed, or pictures stand beside it.

    What NumPy draws beside pictures may be the data that is trained on.
    """
    picks = (call.name or "").startswith("random.")
    return _is_only_shown(call) or (picks and _is_beside_pictures(call))


def _is_beside_pictures(call: Call) -> bool:
    source, node = call.where.source, call.where.scope.node
    if isinstance(node, FunctionNode):
        text = ast.unparse(node)
    else:
        here = source.place(call.node.lineno)[1]
        lines = enumerate(source.lines, 1)
        near = range(call.node.lineno - 12, call.node.lineno + 13)
        text = "\n".join(t for n, t in lines if n in near and source.place(n)[1] == here)
    return bool(_PICTURES.search(text)) and ".backward(" not in text


def _is_only_shown(call: Call) -> bool:
    """Whether what a draw chooses is only printed: the names that it gives are read nowhere else."""
    source, scope = call.where.source, call.where.scope
    statement = source.index.statement(call.node)
    if not isinstance(statement, ast.Assign):
        return _shows(statement)
    names = {n.id for t in statement.targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    reads = [
        source.index.statement(n)
        for n in source.index.by_type.get(ast.Name, ())
        if isinstance(n, ast.Name)
        and n.id in names
        and isinstance(n.ctx, ast.Load)
        and source.index.scope(n) is scope
    ]
    return bool(reads) and all(_shows(s) for s in reads)


def _shows(statement: ast.stmt) -> bool:
    called = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(called, ast.Call):
        return False
    return bool(_SHOWS.match(ast.unparse(called.func)))


def of_items(project: Project, source: Source, seeding: Source) -> set[ast.AST]:
    """The functions of a file that make items in workers, which torch seeds from the file that seeds."""
    files = project.component(seeding) if source is not seeding else [source]
    loaders = [c for one in files for c in loading.loaders(project, one)]
    if loaders and all(loading.has_workers(c) is False for c in loaders):
        return set()
    transforms = [k for k in source.index.classes if "__call__" in k.methods]
    called: set[ast.AST] = {m.node for k in transforms for m in k.methods.values()}
    if not loaders:
        return called
    every = [Known(source, k) for k in source.index.classes]
    methods = [(known, m) for known in every for m in loading.item_methods(known)]
    reached = [s for known, m in methods for s in loading.reached(project, m, known)]
    return {s.node for s in reached} | called
