"""What losses are given: each loss of a file with its input, the role that it wants and the role it gets."""

import ast
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from labhand.kit.code.calls import Call
from labhand.kit.code.facts import Fact
from labhand.kit.code.knowledge import tables
from labhand.kit.code.project import Where
from labhand.kit.code.view import View


class Fed(NamedTuple):
    """A loss that is computed, or a Keras model that is compiled with one.

    `wants`: logits, probabilities or log-probabilities; `given`: the expression that is its input, for a
    compiled model None; `classes`: many or two, empty where the loss says neither.
    """

    call: Call
    entry: Mapping[str, Any]
    wants: str
    given: ast.expr | None
    role: Fact

    @property
    def classes(self) -> str:
        """`many` or `two` classes."""
        return str(self.entry.get("classes", ""))


def fed(view: View) -> list[Fed]:
    """The losses of one file that want a role, computed or compiled with."""
    key = ("fed", view.source.path)
    if key not in view.project.domains:
        view.project.domains[key] = [*_computed(view), *_compiled(view)]
    found: list[Fed] = view.project.domains[key]
    return found


def _computed(view: View) -> Iterator[Fed]:
    for call, entry in view.known("losses", "takes"):
        given = call.arg(*entry["input"])
        wants = _wanted(call, entry)
        if given is not None and wants is not None:
            yield Fed(call, entry, wants, given, view.role(given))


def _compiled(view: View) -> Iterator[Fed]:
    for compiled in view.calls(".compile", "keras.Sequential.compile", "keras.Model.compile"):
        given = compiled.arg(1, "loss")
        if given is None or compiled.receiver is None:
            continue
        entry, wants = _loss_of(view, given)
        if entry is not None and wants is not None:
            role = view.output_role(compiled.receiver)
            yield Fed(compiled, entry, wants, None, role)


def _loss_of(view: View, given: ast.expr) -> tuple[Mapping[str, Any] | None, str | None]:
    if isinstance(given, ast.Constant) and isinstance(given.value, str):
        name = tables.table("losses")["keras"].get(given.value)
        entry = tables.entry("losses", name)
        return entry, entry["takes"] if entry else None
    loss = view.made_by(given)
    if loss is not None:
        entry = tables.entry("losses", f"{loss.name}()")
        return entry, _wanted(loss, entry) if entry else None
    own = view.project.definition(given, view.where(given))
    if isinstance(own, Where):
        return _inside(view, own)
    entry = tables.entry("losses", view.name(given))
    return entry, entry["takes"] if entry else None


def _inside(view: View, own: Where) -> tuple[Mapping[str, Any] | None, str | None]:
    """The one loss that a function of truth and prediction hands its prediction on to."""
    found: list[tuple[Mapping[str, Any], str | None]] = []
    for node in own.scope.calls:
        call = view.call(node, own)
        entry = call.entry("losses")
        given = call.arg(*entry["input"]) if entry and "input" in entry else None
        if entry is not None and given is not None and _is_prediction(view, given, own):
            found.append((entry, _wanted(call, entry) if "takes" in entry else None))
    return found[0] if len(found) == 1 and len(own.scope.parameters) == 2 else (None, None)


def _is_prediction(view: View, given: ast.expr, own: Where, steps: int = 4) -> bool:
    """Whether a value is the second parameter of a function, some of it at most."""
    while isinstance(given, ast.Subscript):
        given = given.value
    if not isinstance(given, ast.Name) or not steps:
        return False
    bound = view.project.reaching(given, own)[1]
    if any(b.how == "parameter" for b in bound):
        return given.id == own.scope.parameters[-1]
    return (
        len(bound) == 1
        and bound[0].value is not None
        and _is_prediction(view, bound[0].value, own, steps - 1)
    )


def _wanted(call: Call, entry: Mapping[str, Any]) -> str | None:
    if "from_logits" not in entry:
        return str(entry["takes"])
    said = call.option(entry["from_logits"], False)
    return {True: "logits", False: str(entry["takes"])}.get(said)
