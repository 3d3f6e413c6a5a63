"""JSON objects that are to be of one make, and those that are not."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from labhand.scan.detectors._cells import shown

FEWEST = 20
"""Objects below which nothing is said of their make."""
HABIT = 0.93
"""The share of objects that must have a key, a type, or one of a few values, before it is their make."""
RARE = 0.03
"""The share of objects up to which what they have is odd."""
FEW_VALUES = 12
"""Different values of a key up to which they are a list to choose from."""
OFTEN = 5
"""How often a value must be there to be one of the list."""
_FENCE = re.compile(r"^```(?:json)?\s*\n?|\n?\s*```$")


def read(text: str) -> tuple[Any, str]:
    """The value that a text holds as JSON, and why it is none; empty where it is."""
    bare = text.strip()
    try:
        return json.loads(bare), ""
    except ValueError as error:
        why = f"it is no JSON: {error}"
    except RecursionError:
        return None, ""
    inner = _FENCE.sub("", bare)
    if inner == bare and (at := bare.find("{")) > 0:
        inner = bare[at : bare.rfind("}") + 1]
    try:
        told = json.loads(inner)
    except (ValueError, RecursionError):
        return None, why
    return told, "the JSON has a fence around it" if "```" in bare else "the JSON has words around it"  # fmt: skip


def odd(objects: Sequence[tuple[int, Mapping[str, Any]]]) -> dict[int, str]:
    """Why an object is unlike the others, by row: it lacks a key, has one of its own, another type or value."""
    number = len(objects)
    if number < FEWEST:
        return {}
    keys = Counter(key for _, told in objects for key in told)
    make = {key for key, times in keys.items() if times >= HABIT * number}
    if not make or sum(keys[k] for k in make) < HABIT * sum(keys.values()):
        return {}
    rare = max(1.0, RARE * number)
    said: dict[int, list[str]] = defaultdict(list)
    for row, told in objects:
        said[row] += [f"it lacks `{key}`" for key in sorted(make - told.keys())]
        said[row] += [f"no other has `{key}`" for key in told if key not in make and keys[key] <= rare]  # fmt: skip
    for key in sorted(make):
        given = [(row, told[key]) for row, told in objects if key in told]
        types = Counter(_type(value) for _, value in given)
        usual = {kind for kind, times in types.items() if times > rare}
        values = Counter(value for _, value in given if isinstance(value, str))
        often = {value for value, times in values.items() if times >= max(OFTEN, rare)}
        few = len(often) <= FEW_VALUES and sum(values[v] for v in often) >= (1 - RARE) * len(given)
        for row, value in given:
            if usual and _type(value) not in usual:
                said[row].append(f"`{key}` is {_type(value)}")
            elif few and len(often) > 1 and isinstance(value, str) and value not in often:
                said[row].append(f"`{key}` is {shown(value)}")
    return {row: "; ".join(why[:3]) for row, why in said.items() if why}


def _type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    names = {str: "a string", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "something else")
