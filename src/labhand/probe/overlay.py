"""Runs changed text in place of source files that stay as they are.

`LABHAND_OVERLAY` names a JSON file `{absolute source path: absolute path of the text to run}`.
"""

from __future__ import annotations

import os
import sys

from . import failures

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec, SourceFileLoader
    from types import CodeType
    from typing import Any

    from .session import Session
else:
    SourceFileLoader = type(__spec__.loader)
    ModuleSpec = type(__spec__)

_FROZEN = "<frozen importlib._bootstrap_external>"


class Overlay:
    """The changed texts, by the real path of what they stand for."""

    def __init__(self, texts: dict[str, str]) -> None:
        self._texts = {os.path.realpath(path): text for path, text in texts.items()}
        self._names = {os.path.basename(path) for path in self._texts}

    def read(self, path: Any) -> bytes | None:
        """The text to run in place of `path`; None where the file itself is to run."""
        if not isinstance(path, str) or os.path.basename(path) not in self._names:
            return None
        text = self._texts.get(os.path.realpath(path))
        if text is None:
            return None
        with open(text, "rb") as file:
            return file.read()

    def configs(self) -> dict[str, str]:
        """The changed texts of what is no Python, by real path: files that a script reads itself."""
        return {k: v for k, v in self._texts.items() if not k.endswith(".py")}


def arm(path: str, session: Session) -> None:
    """Puts the overlay that `path` names over all that is imported or run from now on."""
    import json

    with open(path, encoding="utf-8") as file:
        overlay = Overlay(json.load(file))
    _over_imports(overlay)
    _over_reading(overlay)
    sys.path_hooks.insert(0, lambda entry: MainFinder(entry, overlay))


def _over_imports(overlay: Overlay) -> None:
    loader: Any = SourceFileLoader
    get_code, get_data = loader.get_code, loader.get_data

    def code(self: Any, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        text = overlay.read(path)
        if text is None:
            return get_code(self, fullname)  # type: ignore[no-any-return]
        show(path, text)
        try:
            return self.source_to_code(text, path)  # type: ignore[no-any-return]
        except SyntaxError as error:
            _correct(error, path)
            raise

    def data(self: Any, path: str) -> bytes:
        text = overlay.read(path)
        return get_data(self, path) if text is None else text

    # Python leaves frames of this name out of the traceback of a module that fails to compile.
    code.__code__ = code.__code__.replace(co_filename=_FROZEN)
    data.__code__ = data.__code__.replace(co_filename=_FROZEN)
    loader.get_code, loader.get_data = code, data


def _over_reading(overlay: Overlay) -> None:
    """Lets a script read the changed text of its own config file, however it opens it."""
    import io

    from .opens import put

    texts = overlay.configs()
    if texts:
        put(Opened(texts, io.open))


class Opened:
    """`open`, but for the files whose text is changed. No function, so that no class makes it a method."""

    def __init__(self, texts: dict[str, str], plain: Any) -> None:
        self._texts, self._plain = texts, plain
        self._names = {os.path.basename(path) for path in texts}

    def __call__(self, file: Any, mode: str = "r", *args: Any, **given: Any) -> Any:
        """The open file; the changed text where one of those files is opened for reading."""
        reads = isinstance(file, (str, os.PathLike)) and mode in ("r", "rb", "rt")
        if reads and os.path.basename(os.fspath(file)) in self._names:
            text = self._texts.get(os.path.realpath(os.fspath(file)))
            if text is not None:
                given.pop("opener", None)  # before 3.10 pathlib hands over one for its own path
                file = text
        return self._plain(file, mode, *args, **given)


def show(path: str, text: bytes) -> None:
    """Makes tracebacks and `inspect` show `text` for `path`; the lines on the disk are others."""
    import io
    import linecache
    import tokenize

    failures.replaced.add(path)
    encoding, _ = tokenize.detect_encoding(io.BytesIO(text).readline)
    lines = io.TextIOWrapper(io.BytesIO(text), encoding, errors="replace").readlines()
    # Without a time of change linecache never compares the entry with the file.
    linecache.cache[path] = (len(text), None, lines, path)


def _correct(error: SyntaxError, path: str) -> None:
    """Shows the changed line with the error: the compiler reads it off the disk."""
    import linecache

    if error.filename == path and error.lineno and error.text is not None:
        error.text = linecache.getline(path, error.lineno) or error.text


class MainFinder:
    """A path entry that holds one module, `__main__`, the way a folder with `__main__.py` does.

    Python asks the path hooks about the main script before it runs it; so does `runpy.run_path`,
    by which a spawned child of multiprocessing gets its main module.
    """

    def __init__(self, entry: str, overlay: Overlay) -> None:
        text = overlay.read(entry)
        if text is None:
            raise ImportError("not under the overlay")
        self._loader = MainLoader("__main__", entry, text)

    def find_spec(self, name: str, target: Any = None) -> ModuleSpec | None:
        """The spec of the script as `__main__`; None for all other modules."""
        if name != "__main__":
            return None
        self._loader.spec = ModuleSpec(name, self._loader, origin=self._loader.path)
        return self._loader.spec

    def invalidate_caches(self) -> None:
        """Does nothing: there is no cache."""


class MainLoader(SourceFileLoader):
    """Compiles the changed text so that it runs as the script itself would."""

    spec: ModuleSpec | None = None

    def __init__(self, name: str, path: str, text: bytes) -> None:
        super().__init__(name, path)
        self._changed = text

    def get_code(self, fullname: str) -> CodeType:
        """The code of the script. Puts `sys.path` as it is for a script that runs by itself."""
        import ast

        _settle_path(self.path, "_run_module_as_main")
        if self.spec is not None:
            self.spec.loader = SourceFileLoader("__main__", self.path)
        show(self.path, self._changed)
        failures.main_path = self.path
        try:
            tree = ast.parse(self._changed, self.path)
            _insert_start(tree)
            code = compile(tree, self.path, "exec", dont_inherit=True)
        except SyntaxError as error:
            _correct(error, self.path)
            raise
        failures.main_path = None
        failures.main_code = code
        return code


def _settle_path(path: str, main: str) -> None:
    caller = sys._getframe(2)
    while caller is not None and "runpy" in caller.f_code.co_filename:
        if caller.f_code.co_name == main:
            sys.path.remove(path)
            sys.path_importer_cache.pop(path, None)
            if not getattr(sys.flags, "safe_path", False):
                sys.path.insert(0, os.path.dirname(os.path.realpath(path)))
            return
        caller = caller.f_back  # type: ignore[assignment]
    # run_path takes the entry away again itself; until then it must not come first.
    sys.path.remove(path)
    sys.path.append(path)


def _insert_start(tree: Any) -> None:
    """Sets what a plain script finds set, after the docstring and the future imports."""
    import ast

    body = tree.body
    at = 0
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        at = int(isinstance(body[0].value.value, str))
    while (
        at < len(body) and isinstance(body[at], ast.ImportFrom) and body[at].module == "__future__"
    ):
        at += 1
    line = body[at - 1].lineno if at else 1
    for name in ("__spec__", "__package__"):
        start = ast.parse("%s = None" % name).body[0]
        for node in ast.walk(start):
            if hasattr(node, "lineno"):
                node.lineno = node.end_lineno = line  # type: ignore[attr-defined]
        body.insert(at, start)
