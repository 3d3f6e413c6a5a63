"""Fields of dataclasses and named tuples: what the call that made an instance put into one."""

import ast

from labhand.kit.code.model import Class
from labhand.kit.code.project import Known, Project

_BASES = ("NamedTuple", "BaseModel", "ModelOutput", "TypedDict")


def field(project: Project, known: Known, name: str, made: ast.Call) -> ast.expr | None:
    """What a call that makes an instance passes for a field; None where it passes none, or that is not plain."""
    line = project.lineage(known)[0]
    if not any(_has_fields(member.klass) for member in line):
        return None
    if any("__init__" in member.klass.methods for member in line):
        return None
    for keyword in made.keywords:
        if keyword.arg == name:
            return keyword.value
    order = [f for member in reversed(line) for f in _fields(member.klass)]
    order = list(dict.fromkeys(order))
    if name not in order or any(isinstance(a, ast.Starred) for a in made.args):
        return None
    place = order.index(name)
    return made.args[place] if place < len(made.args) else None


def _has_fields(klass: Class) -> bool:
    decorated = any("dataclass" in ast.unparse(d) for d in klass.node.decorator_list)
    bases = [ast.unparse(b).rpartition(".")[2] for b in klass.node.bases]
    return decorated or any(b in _BASES for b in bases)


def _fields(klass: Class) -> list[str]:
    return [
        s.target.id
        for s in klass.node.body
        if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)
    ]
