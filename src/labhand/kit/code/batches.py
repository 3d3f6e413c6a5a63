"""Whether the first dimension of a value is the batch."""

import ast
import re
from collections.abc import Collection, Iterator, Mapping

from labhand.kit.code import knowledge
from labhand.kit.code.calls import Call
from labhand.kit.code.facts import Spot, Step
from labhand.kit.code.origins import argument, origins
from labhand.kit.code.project import Where
from labhand.kit.code.view import View

_NAMED = re.compile(r"crit(erion)?|loss_?fn?|loss_func|loss_function|ce(_loss)?")
_ONE_OF = frozenset(
    {"squeeze", "flatten", "view", "reshape", "permute", "transpose", "unbind", "mean", "sum"}
)


def batched(view: View, node: ast.expr) -> list[Step]:
    """What shows that a value holds one row a sample of a batch or of a part of the data; else empty.

    It must be what a model gives for a batch that a loop over a loader hands out, or for a whole split.
    """
    by_loss = scored(view, node)
    if by_loss:
        return by_loss
    behind = view.behind(node)
    if any(isinstance(n, ast.Subscript) and _is_index(n.slice) for n in behind):
        return []
    model = next((n for n in behind if isinstance(n, ast.Call) and _is_model(view, n)), None)
    if model is None or any(_reshapes(n, model) for n in behind):
        return []
    if any(_goes_over(view, spot, model) for spot in behind.values()):
        return []
    return _handed_a_batch(view, node, behind) or _from_a_loop(view, node, behind, model)


def _from_a_loop(
    view: View, node: ast.expr, behind: Mapping[ast.expr, Spot], model: ast.Call
) -> list[Step]:
    """What shows that a loop over batches, or a whole part of the data, is what the model is given."""
    loops = view.loops(node, up=2)
    if not loops and any(isinstance(n, ast.Call) and _joins(n) for n in behind):
        where = behind[model].where
        inner = where.source is view.source
        loops = view.loops(model) if inner else []
    loop = loops[0] if loops else None
    if loop and loop.kind in ("batch", "inference") and isinstance(loop.node, ast.For):
        over = ast.unparse(loop.over) if loop.over is not None else ""
        by_sample = over.lower().rstrip("()").endswith(("dataset", "_set", "_ds"))
        if loop.node.iter in behind and not by_sample and not _one_by_one(view, loop.over):
            message = "a loop over batches hands out its input"
            return [Step(message, loop.where.source, loop.node)]
    if not loops and model.args:
        part = view.split(behind[model].at(model.args[0], ()))
        if part.value in ("train", "validation", "test"):
            return list(part.chain)
    return []


def _handed_a_batch(view: View, node: ast.expr, behind: Collection[ast.expr]) -> list[Step]:
    """What shows that a framework hands the input over: the batch of `validation_step` and its like."""
    where = view.where(node)
    function, batch = where.scope.node, where.scope.parameters[1:2]
    if not where.scope.name.endswith("_step") or view.hook(where) is None:
        return []
    given = any(isinstance(n, ast.Name) and n.id in batch for n in behind)
    step = Step("the framework hands it a batch", where.source, function)  # type: ignore[arg-type]
    return [step] if given else []


def scored(view: View, node: ast.expr, up: int = 2) -> list[Step]:
    """What shows that a loss of classes is given the value too: its classes stand along dimension 1.

    Of a parameter, the values that callers hand on are looked at.
    """
    inner = _whole(node)
    if not isinstance(inner, ast.Name):
        return []
    where = view.where(inner)
    bindings = view.project.reaching(inner, where)[1]
    mine = {id(b.node) for b in bindings}
    for call, given in _losses(view):
        given = _whole(given) if given is not None else None
        same = (
            isinstance(given, ast.Name) and given.id == inner.id and call.where.scope is where.scope
        )
        if same and isinstance(given, ast.Name) and mine:
            there = {id(b.node) for b in view.project.reaching(given, where)[1]}
            if there == mine:
                message = "this loss takes its classes along another dimension"
                return [Step(message, call.where.source, call.node)]
    if up and bindings and all(b.how == "parameter" for b in bindings):
        return _scored_by_callers(view, inner.id, where, up)
    return []


def _scored_by_callers(view: View, parameter: str, where: Where, up: int) -> list[Step]:
    for site in view.project.callers(where) or ():
        given = argument(site, where, parameter)
        source = site.where.source
        there = view if source is view.source else View(source, view.project)
        found = scored(there, given, up - 1) if given is not None else []
        if found:
            return found
    return []


def _whole(node: ast.expr) -> ast.expr:
    """The value of which some rows are taken, by a mask or by their numbers in a name."""
    while True:
        if (isinstance(node, ast.Attribute) and node.attr == "data") or (
            isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name | ast.Attribute)
        ):
            node = node.value
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("detach", "cpu", "float")
        ):
            node = node.func.value
        else:
            return node


def _losses(view: View) -> Iterator[tuple[Call, ast.expr | None]]:
    """The losses of classes with their input; one whose making is out of sight counts by its name."""
    for call, entry in view.known("losses", "takes"):
        if entry.get("classes") == "many":
            yield call, call.arg(*entry["input"])
    for node in view.nodes(ast.Call):
        last = ast.unparse(node.func).rpartition(".")[2]
        if _NAMED.fullmatch(last) and len(node.args) + len(node.keywords) == 2:
            call = view.call(node)
            if call.name is None or call.name.startswith("."):
                yield call, call.arg(0, "input")


def _goes_over(view: View, spot: Spot, model: ast.Call) -> bool:
    """Whether a name is one row of what the model gives: a loop hands it out."""
    if not isinstance(spot.node, ast.Name):
        return False
    home, bindings = view.project.reaching(spot.node, spot.where)
    over = [b.value for b in bindings if b.how == "loop" and b.value is not None]
    return any(model in view.behind(Spot(value, home)) for value in over)


def _is_index(index: ast.expr) -> bool:
    return isinstance(index, ast.Constant) and isinstance(index.value, int)


def _is_model(view: View, node: ast.Call) -> bool:
    function = node.func
    last = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if last in ("model", "net", "network", "classifier", "student", "encoder"):
        return True
    if last in ("apply", "apply_fn") and node.args:
        return "params" in ast.unparse(node.args[0])  # flax is handed its parameters
    return node in {c.node for c in view.module_calls()}


def _reshapes(node: ast.expr, model: ast.Call) -> bool:
    """Whether a call after the model moves or drops dimensions."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    return node.func.attr in _ONE_OF and any(n is model for n in ast.walk(node.func.value))


def _joins(node: ast.Call) -> bool:
    """Whether a call puts the rows of many batches one below the other."""
    last = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    return last in ("cat", "concat", "concatenate", "vstack")


def _one_by_one(view: View, over: ast.expr | None) -> bool:
    if over is None:
        return False
    for origin in (
        origins(view.project, over, view.where(over)) if over in view.source.index.parents else ()
    ):
        made = origin.expression
        if origin.name in knowledge.LOADERS and isinstance(made, ast.Call) and origin.where:
            size = view.call(made, origin.where).arg(1, "batch_size")
            return size is None or getattr(size, "value", 0) in (1, None)
    return False
