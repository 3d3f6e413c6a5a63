"""Optimizers of a file: what they were built from, and where they are used."""

import ast
from typing import NamedTuple

from labhand.kit.code import knowledge
from labhand.kit.code.calls import Call
from labhand.kit.code.paths import Point
from labhand.kit.code.view import View


class Built(NamedTuple):
    """An optimizer where it is made. `name` is what holds it, `models` what it was given, as written.

    `filtered`: only parameters that want gradients are taken.
    """

    call: Call
    statement: ast.Assign
    name: str
    models: list[str]
    filtered: bool


def built(view: View) -> list[Built]:
    """The optimizers of a file that are made from the parameters of modules and kept in one name."""
    key = ("built", view.source.path)
    if key not in view.project.domains:
        found: list[Built] = []
        for node in view.nodes(ast.Call):
            made = _built(view, node)
            if made is not None:
                found.append(made)
        view.project.domains[key] = found
    known: list[Built] = view.project.domains[key]
    return known


def _built(view: View, node: ast.Call) -> Built | None:
    statement = view.source.index.parents.get(node)
    if (
        isinstance(statement, ast.Call) and node in statement.args
    ):  # within a scheduler of one's own
        statement = view.source.index.parents.get(statement)
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return None
    call = view.call(node)
    if call.name is None or not knowledge.is_optimizer(call.name):
        return None
    given = call.arg(0, "params", "model_params")
    if given is None:
        return None
    if isinstance(given, ast.Name):
        _, bound = view.project.reaching(given, call.where)
        if len(bound) == 1 and bound[0].value is not None and bound[0].how == "assign":
            given = bound[0].value
    models, filtered = modules_in(given)
    target = ast.unparse(statement.targets[0])
    return Built(call, statement, target, models, filtered) if models else None


def modules_in(given: ast.expr) -> tuple[list[str], bool]:
    """The modules whose `parameters()` an expression lists, as written, and whether it filters them."""
    found: list[str] = []
    filtered = False
    for node in ast.walk(given):
        if isinstance(node, ast.Attribute) and node.attr == "requires_grad":
            filtered = True
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("parameters", "named_parameters")
        ):
            found.append(ast.unparse(node.func.value))
    return list(dict.fromkeys(found)), filtered


def uses(view: View, optimizer: Built, point: Point) -> bool:
    """Whether a statement reads the optimizer: steps it, hands it on."""
    if point is None or point is optimizer.statement or not isinstance(point, ast.stmt):
        return False
    nodes: list[ast.AST] = [point]
    if hasattr(point, "body"):
        nodes = [n for f in ("iter", "test") if (n := getattr(point, f, None)) is not None]
    return any(
        isinstance(n, ast.Name | ast.Attribute)
        and isinstance(n.ctx, ast.Load)
        and ast.unparse(n) == optimizer.name
        for start in nodes
        for n in ast.walk(start)
    )


def sets_anew(optimizer: Built, point: Point) -> bool:
    """Whether a statement gives the optimizer's name another value, or new parameters."""
    if isinstance(point, ast.Assign):
        return optimizer.name in [ast.unparse(t) for t in point.targets]
    return isinstance(point, ast.Expr) and "add_param_group" in ast.unparse(point)
