"""Calls back when the whole import of a named module is done.

The loader is left as it is, so nothing of ours stands in a traceback or in `__loader__`. Instead
the module's spec gets a class that sees the import system lower the `_initializing` flag, which
it does once the module's code has run to its end, circular imports and all, or has failed.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any, Callable
else:
    ModuleSpec = type(sys.__spec__)


class WatchedSpec(ModuleSpec):
    """A spec that tells when its module is imported, and is an ordinary one from then on."""

    @property
    def _initializing(self) -> bool:
        return bool(self.__dict__.get("_initializing", False))

    @_initializing.setter
    def _initializing(self, running: bool) -> None:
        self.__dict__["_initializing"] = running
        if running:
            return
        self.__class__ = ModuleSpec  # type: ignore[assignment]
        done = self.__dict__.pop("_labhand_done", None)
        module = sys.modules.get(self.name)
        if done is not None and module is not None:
            done(self.name, module)


WatchedSpec.__name__ = WatchedSpec.__qualname__ = "ModuleSpec"


class Finder:
    """Stands first on `sys.meta_path`; asks the others for the modules that are waited for."""

    def __init__(self, done: Callable[[str, ModuleType], None]) -> None:
        self.waiting: set[str] = set()
        self.replace: dict[str, Callable[[], ModuleSpec | None]] = {}
        self._done = done
        self._asking: set[str] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The spec that the other finders give, made to tell; None for all other modules."""
        if name not in self.waiting or name in self._asking or target is not None:
            return None
        self._asking.add(name)
        try:
            replacement = self.replace.get(name)
            spec = replacement() if replacement is not None else None
            return self._ask(name, path, target) if spec is None else spec
        finally:
            self._asking.discard(name)

    def _ask(self, name: str, path: Any, target: Any) -> ModuleSpec | None:
        for finder in list(sys.meta_path):
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None if find is None else find(name, path, target)
            if spec is None:
                continue
            if type(spec) is ModuleSpec:
                spec.__dict__["_labhand_done"] = self._arrived
                spec.__class__ = WatchedSpec
            return spec
        return None

    def _arrived(self, name: str, module: ModuleType) -> None:
        if name in self.waiting:
            self.waiting.discard(name)
            self._done(name, module)


def install(names: set[str], done: Callable[[str, ModuleType], None]) -> Finder:
    """The finder, on the path, for `names`. `done` is called at once for what is imported already."""
    finder = Finder(done)
    finder.waiting.update(names)
    sys.meta_path.insert(0, finder)
    for name in names:
        module = sys.modules.get(name)
        if module is not None:
            finder._arrived(name, module)
    return finder
