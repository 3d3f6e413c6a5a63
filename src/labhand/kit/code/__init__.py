"""The semantic core: what code means, read from its text alone; nothing checked is ever imported.

`view` the vocabulary, which all below it serves: `source` one file or notebook · `model` scopes and
bindings · `paths` the order of statements · `project` files and names · `calls`, `origins` what is
called, where objects come from · `facts` values followed back, in the domains `roles` `graph` `splits`
`units` `shapes` `makers` · `modes` · `contexts`, `flow` loops and what surrounds code · `slices` ·
`knowledge` other people's APIs as tables.
*Unknown* is an answer everywhere: who claims something must have proof.
"""

from labhand.kit.code.project import Project, Where
from labhand.kit.code.source import Source, load

__all__ = ["Project", "Source", "Where", "load"]
