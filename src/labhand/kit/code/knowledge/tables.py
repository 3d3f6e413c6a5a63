"""The tables of API knowledge that stand beside this file, read when first asked for.

A table is `NAME.toml`. `[gives]` or another section lists canonical names under a word; a quoted
section is one name with what is known of it. `entry` finds a name in either form.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

_FOLDER = Path(__file__).parent


@cache
def table(name: str) -> Mapping[str, Any]:
    """A whole table as it is written.

    Raises:
        FileNotFoundError: there is no such table.
    """
    with (_FOLDER / f"{name}.toml").open("rb") as file:
        return MappingProxyType(tomllib.load(file))


@cache
def entries(name: str) -> Mapping[str, Mapping[str, Any]]:
    """The entries of a table by canonical name.

    A list `word = [names]` in a section `[key]` stands for the entry `{key: word}` of each name.
    """
    found: dict[str, dict[str, Any]] = {}
    for key, section in table(name).items():
        if not isinstance(section, dict):
            continue
        words = {w: names for w, names in section.items() if isinstance(names, list)}
        if _is_name(key):
            found.setdefault(key, {}).update(section)
            continue
        for word, names in words.items():
            for one in names:
                found.setdefault(one, {})[key] = word
    return MappingProxyType({name: MappingProxyType(entry) for name, entry in found.items()})


def entry(table_name: str, name: str | None) -> Mapping[str, Any] | None:
    """What a table says of a canonical name; None where it says nothing."""
    return entries(table_name).get(name) if name is not None else None


@cache
def names_thing(name: str) -> bool:
    """Whether any table knows a name: what `from X import *` brings."""
    every = (entries(path.stem) for path in _FOLDER.glob("*.toml"))
    return any(name in known or f"{name}()" in known for known in every)


@cache
def words(table_name: str, *keys: str) -> frozenset[str]:
    """A plain list of a table as a set: `words("names", "test")`."""
    found: Any = table(table_name)
    for key in keys:
        found = found[key]
    return frozenset(found)


def _is_name(key: str) -> bool:
    return "." in key or key.endswith("()")
