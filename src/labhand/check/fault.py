"""Faults to plant, by the rule that should tell them: each file in `faults/` brings some."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from labhand.check import faults
from labhand.check.planting import Mutant, Planted, Program

Plant = Callable[[Program], Iterator[Planted]]


class Fault(NamedTuple):
    """One shape of the fault that a rule is for: `plant` puts it in wherever its pattern occurs."""

    rule: str
    shape: str
    plant: Plant


_FAULTS: list[Fault] = []


def fault(rule: str, shape: str) -> Callable[[Plant], Plant]:
    """Marks a function that plants a rule's fault; `shape` says in a few words how."""

    def keep(plant: Plant) -> Plant:
        _FAULTS.append(Fault(rule, shape, plant))
        return plant

    return keep


@cache
def every() -> tuple[Fault, ...]:
    """All faults of the files in `faults/`, in the order of rules and shapes."""
    for module in pkgutil.iter_modules(faults.__path__):
        importlib.import_module(f"{faults.__name__}.{module.name}")
    return tuple(sorted(_FAULTS, key=lambda f: (f.rule, f.shape)))


def mutants(text: str, rule: str | None = None) -> Iterator[Mutant]:
    """Each fault at each place of a program where it can be planted, one at a time.

    With `rule` only those of one rule. Whether a fault changes what the program does is not looked at.

    Raises:
        SyntaxError: the text is no Python.
    """
    program = Program(text)
    seen = {text}
    for one in every():
        if rule is not None and one.rule != rule:
            continue
        for planted in one.plant(program):
            mutant = program.planted(one.rule, one.shape, planted)
            if mutant is not None and mutant.text not in seen:
                seen.add(mutant.text)
                yield mutant
