"""The semantic core: what code means, read from its text alone; nothing checked is ever imported.

`source` one file or notebook · `model` scopes and bindings · `project` files and names · `origins`
where values come from · `flow` loops and cycles · `knowledge` other people's APIs as data.
*Unknown* is an answer everywhere: who claims something must have proof.
"""

from labhand.kit.code.project import Project, Where
from labhand.kit.code.source import Source, load

__all__ = ["Project", "Source", "Where", "load"]
