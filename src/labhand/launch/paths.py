"""What an error says about a path: which, and whether it was to be read or written."""

import ast
import re
from pathlib import Path

from labhand.launch.raised import Frame, Raised

_MISSING = re.compile(
    r"\[Errno 2\]|\[errno 2\]|No such file or directory|os error 2\b|errno = 2\b"
    r"|does not exist|Failed to open local file"
)
_QUOTED = re.compile(r"""(?<![\w\\])(?P<quoted>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")""")
_BARE = re.compile(r"(?:os error \d+\): |No such file or directory: )(?P<path>[^\s'\"]+)")
_SHELL = re.compile(r"^[^:]+: (?:line \d+: )?(?P<path>[^\s:]+): ")
_ERRORS = ("No such file", "Failed to", "Unable to", "Cannot ")

_WRITERS = frozenset(
    "save savez savez_compressed savetxt tofile to_csv to_parquet to_json to_pickle to_excel to_hdf "
    "to_feather write_csv write_parquet write_json write_ndjson write_table write_text write_bytes "
    "write_image write_video savefig imsave imwrite save_file save_pretrained save_model save_weights "
    "save_checkpoint dump mkdir makedirs symlink rename replace move copyfile copy copy2 _savez write "
    "export_chrome_trace FileHandler _open_file_writer save_image".split()
)
"""Functions whose business is to write."""
_READERS = frozenset(
    "load loadtxt genfromtxt fromfile read_csv read_parquet read_json read_pickle read_text read_bytes "
    "read_image imread load_file from_pretrained load_dataset load_state_dict listdir scandir stat "
    "getsize chdir walk iterdir read_table safe_open".split()
)
"""Functions whose business is to read."""
_OPENERS = frozenset("open _open open_func GzipFile ZipFile fdopen File".split())
_WRITE_MODE = re.compile(r"""["'](?:[wax]b?\+?t?b?|r\+b?|rb\+)["']""")
_READ_MODE = re.compile(r"""["'](?:r|rb|rt|br)["']""")


def named_paths(message: str) -> list[str]:
    """The paths that an error message names, in order."""
    if message and "/" in message and not re.search(r"\s|['\"]", message):
        return [message]
    found = []
    for match in _QUOTED.finditer(message):
        try:
            value = ast.literal_eval(match["quoted"])
        except (ValueError, SyntaxError):
            continue
        if isinstance(value, str) and value and not value.startswith(_ERRORS):
            found.append(value)
    if not found:
        bare = _BARE.search(message) or _SHELL.match(message)
        found = [bare["path"]] if bare else []
    return found


def is_missing(error: Raised) -> bool:
    """Whether the error says that a file or folder does not exist."""
    return error.type == "FileNotFoundError" or (
        error.type.endswith(("Error", "Exception")) and bool(_MISSING.search(error.message))
    )


def writes(error: Raised) -> bool:
    """Whether the error came from writing. In doubt it did not: nothing is made for a read."""
    if "create file" in error.message:  # h5py
        return True
    for frame in reversed(error.frames):
        verdict = _direction(frame)
        if verdict is not None:
            return verdict
    return False


def _direction(frame: Frame) -> bool | None:
    """True: the frame writes, False: it reads, None: it does not tell."""
    for call in _calls(frame):
        name = _name(call.func)
        if name in _OPENERS and (call.args or name == "open"):
            mode = _mode(call, 0 if _is_path_open(call) else 1)
            if mode is not None:
                return bool(set(mode) & set("wax+"))
        elif name in _WRITERS:
            return True
        elif name in _READERS:
            return False
    if _WRITE_MODE.search(frame.code) and "open" in frame.code:
        return True
    if _READ_MODE.search(frame.code) and "open" in frame.code:
        return False
    if frame.function in _WRITERS:
        return True
    return False if frame.function in _READERS else None


def _is_path_open(call: ast.Call) -> bool:
    """`path.open("w")` has its mode first, `open(path, "w")` and `gzip.open(path, "w")` second."""
    if not isinstance(call.func, ast.Attribute) or not call.args:
        return False
    first = call.args[0]
    return isinstance(first, ast.Constant) and bool(re.fullmatch(r"[rwaxbt+]+", str(first.value)))


def _mode(call: ast.Call, place: int) -> str | None:
    """The mode of an open call; `r` where it has none; None where it is not written out."""
    given = next((k.value for k in call.keywords if k.arg == "mode"), None)
    if given is None and len(call.args) > place:
        given = call.args[place]
    if given is None:
        starred = any(isinstance(argument, ast.Starred) for argument in call.args)
        spread = any(keyword.arg is None for keyword in call.keywords)
        return None if starred or spread else "r"
    return given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else None


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _calls(frame: Frame) -> list[ast.Call]:
    """The calls in the statement at the frame, the innermost first."""
    tree = _parsed(frame.code) or _statement(frame)
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)][::-1] if tree else []


def _parsed(code: str) -> ast.AST | None:
    for text in (code, f"{code} pass"):
        try:
            return ast.parse(text.strip())
        except (SyntaxError, ValueError):
            continue
    return None


def _statement(frame: Frame) -> ast.AST | None:
    """The statement at the frame, where it goes over several lines, from the file itself."""
    try:
        tree = ast.parse(Path(frame.file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None
    best: ast.stmt | None = None
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and node.lineno <= frame.line <= (node.end_lineno or 0):
            best = node
    if best is None or not hasattr(best, "body"):
        return best
    heads = ast.Module(body=[], type_ignores=[])
    items = getattr(best, "items", [])
    heads.body = [ast.Expr(item.context_expr) for item in items]
    return heads
