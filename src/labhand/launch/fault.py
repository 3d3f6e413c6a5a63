"""What a fault is."""

from typing import NamedTuple


class Fault(NamedTuple):
    """What goes wrong. `put` is code by place, `beside` files of the project, `library` stand-ins.

    `least` is the least change that mends it, empty where only a person can; `proposes` what must be
    proposed to that person, words of its patch. `wheel` is a package that can be installed, and after a
    blank its module, where that has another name. `hold` holds a port,
    `open_files` is the soft limit labhand is started with, `below` the folder it is started in.
    """

    kind: str
    name: str
    put: dict[str, str] = {}  # noqa: RUF012
    beside: dict[str, str] = {}  # noqa: RUF012
    library: dict[str, str] = {}  # noqa: RUF012
    env: dict[str, str] = {}  # noqa: RUF012
    arguments: tuple[str, ...] = ()
    least: str = ""
    flags: bool = False
    hold: int = 0
    open_files: int = 0
    below: str = ""
    wheel: str = ""
    proposes: str = ""
