"""Fixes that several rules offer."""

import ast
from collections.abc import Collection

from labhand.check.claim import Change, Code
from labhand.kit.code.losses import Fed


def activation_out(code: Code, fed: Fed, functions: Collection[str]) -> Change | None:
    """Takes out the activation that a loss is given, where it is a call that this loss alone reads.

    `functions` are those whose first argument is what they are applied to; `.name` among them are methods.
    """
    if not fed.role.chain or fed.given is None or fed.role.chain[0].source is not code.source:
        return None
    first = fed.role.chain[0].node
    if not isinstance(first, ast.Call):
        return None
    activation = code.call(first)
    inner = activation.arg(0, "input", "x", "logits") if activation.name in functions else None
    if activation.receiver is not None and activation.name == f".{activation.method}":
        inner = activation.receiver if activation.name in functions else None
    if inner is None or activation.where.scope is not fed.call.where.scope:
        return None
    statement = code.source.index.statement(first)
    alone = first is fed.given or (
        isinstance(statement, ast.Assign)
        and statement.value is first
        and len(code.uses(statement)) == 1
    )
    if not alone:
        return None
    name = activation.method
    return Change("scientific", f"Take the {name} out", [code.replace(first, code.text(inner))])
