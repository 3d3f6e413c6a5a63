"""The likely cause of an exception in the person's own logic, from its words and what the line held."""

import ast
import difflib
import re
from collections.abc import Callable
from pathlib import Path

from labhand.launch.raised import Frame, Raised

_SHAPES = re.compile(
    r"shapes?\b|size mismatch|mat1 and mat2|broadcast|dimension|must match the size|could not be broadcast|operands"
)
_UNEXPECTED = re.compile(
    r"(?P<callee>[\w.]+?)(?:\.__init__)?\(\) got an unexpected keyword argument '(?P<name>\w+)'"
)
_ADVISES = re.compile(
    r"(?i)\b(?:use|using|replace|try|instead|consider|should|set|call|pass|see|did you)\b"
)
_NO_SHAPES = re.compile(r"satisfy the constraint|out of (?:bounds|range)")
_NOTHING = re.compile(r" = -?(?:0(?:\.0*)?$|0j$|False$|\[\]|\(\)|\{\}|''|b'')| of 0\b|\(0[,)]")
"""A value that is zero, or that holds nothing."""
_UNPACK = re.compile(r"(?:not enough|too many) values to unpack")


_OWN_NAME = re.compile(
    r"cannot import name '(?P<name>\w+)' from (?:partially initialized module )?'(?P<module>[\w.]+)'"
    r"[^(]*\((?P<rest>.*?)(?P<file>/[^()]+)\)"
)
_LIBRARIES = re.compile(r"(?:site|dist)-packages/|/lib/python3[\d.]*/|\.so$")
_TEXT_NUMBER = re.compile(
    r"^\s*(?:-\s+)?['\"]?(?P<key>[\w.-]+)['\"]?\s*:\s*(?P<text>[-+]?(?:\d+[eE][-+]?\d+|\d+\.\d*[eE]\d+))\s*(?:#.*)?$"
)
"""A number that YAML 1.1, as PyYAML reads it, takes for a text: it needs a point and a sign of the exponent."""
_CONFIGS = ("*.yaml", "*.yml", "conf*/**/*.yaml", "conf*/**/*.yml")
_MOST_CONFIGS = 50


def likely(error: Raised) -> str:
    """One sentence on what most likely led to the error, with the values; empty where nothing tells."""
    frame = error.own
    if frame is None:
        return ""
    text = f"{error.type}: {error.message}"
    told = (story(error, frame) for pattern, story in _STORIES if re.search(pattern, text))
    return "; ".join(part for part in (next(filter(None, told), ""), _hint(error)) if part)


def _held(frame: Frame, *wanted: str) -> list[str]:
    """`name = value` for the names in the line; those whose value holds one of the `wanted` words first."""
    names = set(re.findall(r"[^\W\d]\w*(?:\.\w+)?", frame.code))
    pairs = [(n, v) for n, v in frame.values.items() if n in names or not frame.code]
    if wanted:
        pairs = [(n, v) for n, v in pairs if any(word in v for word in wanted)]
    return [f"{name} = {value}" for name, value in pairs]


def _key(error: Raised, frame: Frame) -> str:
    if told := _column(error, frame):
        return told
    tables = _held(frame, "dict of", "OrderedDict of", "defaultdict of")
    return f"the key {error.message} is not in {'; '.join(tables)}" if tables else ""


def _column(error: Raised, frame: Frame) -> str:
    """A column that a table of the line does not have, with the nearest that it has."""
    found = re.search(r"^['\"](?P<name>[^'\"]+)['\"]", error.message)
    tables = [(n, v.partition(" of columns ")[2]) for n, v in frame.values.items()]
    tables = [(n, columns) for n, columns in tables if columns]
    if found is None or len(tables) != 1:
        return ""
    table, columns = tables[0]
    near = difflib.get_close_matches(found["name"], columns.split(", "), n=1)
    meant = f"; did you mean `{near[0]}`?" if near else ""
    return f"`{table}` has no column `{found['name']}`{meant} Its columns: {columns}"


def _json(error: Raised, frame: Frame) -> str:
    """What mostly is behind a text that is no JSON."""
    at = re.search(r"line (\d+) column (\d+) \(char (\d+)\)", error.message)
    line = f"line {at[1]}" if at else "that line"
    if error.message.startswith("Extra data"):
        return f"{line} begins a second value: of JSON Lines each line is read by itself"
    if error.message.startswith("Expecting value") and at and at[3] == "0":
        return (
            "what was read is empty, or no JSON at all: look at what the file or the answer holds"
        )
    return f"JSON takes no comma before a closing bracket, no comments and no single quotes: look at {line} of the file and the one before it"


def _unserializable(error: Raised, frame: Frame) -> str:
    kind = re.search(r"Object of type (\w+) is not JSON", error.message)
    if kind is None:
        return ""
    if re.fullmatch(r"u?int\d+|float\d+|bool_?|ndarray|Tensor|Array(Impl)?|EagerTensor", kind[1]):
        return "JSON takes Python's own numbers and lists: write `x.item()` for one number, `x.tolist()` for several"
    return f"JSON has no form for {kind[1]}: turn it into text, numbers, lists or dicts first"


def _undecoded(error: Raised, frame: Frame) -> str:
    """What bytes mostly are that are not of the encoding they are read in."""
    found = re.search(
        r"decode bytes? (?:0x(?P<byte>[0-9a-f]{2}) )?in position (?P<at>\d+)", error.message
    )
    if found is None or "utf-8" not in error.message:
        return ""
    byte, at = found["byte"] or "", int(found["at"])
    if byte == "8b" and at == 1:
        return "the file is packed by gzip: read it with `gzip.open`"
    if byte in ("ff", "fe") and at == 0:
        return 'the file is UTF-16: `encoding="utf-16"`'
    if byte == "80" and at == 0:
        return "the file is binary, a pickle most likely: it is no text"
    return 'the file is no UTF-8, Latin-1 or Windows-1252 most likely: `encoding="cp1252"` reads it if so'


def _yaml(error: Raised, frame: Frame) -> str:
    """Where a YAML file cannot be read, and why."""
    lines = [line.strip() for line in error.message.splitlines()]
    place = next(
        (f for line in reversed(lines) if (f := re.match(r"in \"(.+)\", line (\d+)", line))), None
    )
    what = [line for line in lines if line and not line.startswith(("in ", "while "))]
    if place is None or not what:
        return ""
    tabs = "; YAML is indented by blanks, never by tabs" if r"\t" in what[0] else ""
    return f"{Path(place[1]).name}, line {place[2]}: {what[0]}{tabs}"


def _pickled(error: Raised, frame: Frame) -> str:
    return "the file holds Python objects: `allow_pickle=True` loads them, and runs code that the file names, so trust it first"


def _index(error: Raised, frame: Frame) -> str:
    held = _held(frame)
    return f"an index lies beyond the end: {'; '.join(held)}" if held else ""


def _none(error: Raised, frame: Frame) -> str:
    names = [name for name, value in frame.values.items() if value == "None"]
    names = [name for name in names if re.search(rf"\b{re.escape(name)}\b", frame.code)] or names
    if not names:
        return _gave_none(error, frame)
    told = f"{' and '.join(names)} is None here: look at what sets it"
    return told + (_image(frame, names) if len(names) == 1 else "")


def _gave_none(error: Raised, frame: Frame) -> str:
    """The call of the line that gave None, where an attribute of its result was asked for."""
    asked = re.search(r"has no attribute '(\w+)'", error.message)
    if asked is None:
        return ""
    try:
        tree = ast.parse(frame.code)
    except SyntaxError:
        return ""
    found = [
        ast.unparse(n.value.func)
        for n in ast.walk(tree)
        if isinstance(n, ast.Attribute) and n.attr == asked[1] and isinstance(n.value, ast.Call)
    ]
    return (
        f"`{found[0]}(…)` gave None: a function that ends without `return` does"
        if len(found) == 1
        else ""
    )


def _image(frame: Frame, names: list[str]) -> str:
    """Where the value is a picture that OpenCV did not find: it says nothing, and returns None."""
    try:
        lines = Path(frame.file).read_text(encoding="utf-8").splitlines()[: frame.line]
    except (OSError, ValueError):
        return ""
    made = re.compile(rf"\b{re.escape(names[0])}\s*=\s*\w+\.imread\(\s*(?:['\"](?P<path>[^'\"]+))?")
    found = next((m for line in reversed(lines) if (m := made.search(line))), None)
    if found is None:
        return ""
    which = f"`{found['path']}`" if found["path"] else "the file"
    return f"; `imread` returns None where {which} is not there or is no picture"


def _zero(error: Raised, frame: Frame) -> str:
    zeros = [pair for pair in _held(frame) if _NOTHING.search(pair)]
    return f"a divisor is zero: {'; '.join(zeros)}" if zeros else ""


def _shapes(error: Raised, frame: Frame) -> str:
    if not _SHAPES.search(error.message) or _NO_SHAPES.search(error.message):
        return ""
    held = [pair for pair in _held(frame) if "(" in pair.partition(" = ")[2]]
    return f"the shapes do not go together: {'; '.join(held)}" if held else ""


def _lone_row(error: Raised, frame: Frame) -> str:
    """A batch of one row, of which a batch norm has no statistics."""
    lone = [pair for pair in _held(frame) if re.search(r" \(1[,)]", pair)]
    return (
        "a batch norm was given one row, and needs two for its statistics"
        + (f" ({'; '.join(lone)})" if lone else "")
        + ": the last batch of an epoch is the usual one, which `drop_last=True` leaves out"
    )


def held_by(error: Raised | None, *wanted: str) -> str:
    """What the deepest line of the person's own code held, where a value holds one of the `wanted` words.

    Empty where that is not known.
    """
    held = _held(error.own, *wanted) if error is not None and error.own is not None else []
    return f"the line held {'; '.join(held)}" if held else ""


def _unpack(error: Raised, frame: Frame) -> str:
    held = _held(frame)
    return f"more or fewer values came than names stand there: {'; '.join(held)}" if held else ""


def _assertion(error: Raised, frame: Frame) -> str:
    held = _held(frame)
    return (
        f"a check of the code itself does not hold: {'; '.join(held)}"
        if held
        else ("a check of the code itself does not hold")
    )


def _argument(error: Raised, frame: Frame) -> str:
    """An argument that a library's function does not take."""
    found = _UNEXPECTED.search(error.message)
    library = _imported(frame, found["callee"]) if found else ""
    if found is None or not library:
        return ""
    return (
        f"`{found['callee']}` of the installed {library} takes no `{found['name']}`: it is misspelt, "
        f"or the code was written for another version of {library}"
    )


def _imported(frame: Frame, callee: str) -> str:
    """The library from which the file has a function or class of that name; empty: not told."""
    try:
        tree = ast.parse(Path(frame.file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return ""
    head = callee.partition(".")[0]
    modules: dict[str, str] = {}  # what each name in the file stands for
    holders = {head}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {(n.asname or n.name).partition(".")[0]: n.name for n in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules |= {n.asname or n.name: node.module for n in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == head:
            return ""
        elif isinstance(node, ast.Attribute) and node.attr == head:
            holders.add(ast.unparse(node.value).partition(".")[0])
    beside = Path(frame.file).parent
    found = {modules[name].partition(".")[0] for name in holders if name in modules}
    found = {n for n in found if not ((beside / n).exists() or (beside / f"{n}.py").exists())}
    return found.pop() if len(found) == 1 else ""


def _there(error: Raised, frame: Frame) -> str:
    return (
        "it is there already, from an earlier run perhaps: give each run a name of its own, or take "
        "what is there (`exist_ok=True`)"
    )


def _hint(error: Raised) -> str:
    """What the library itself advises, in a later line of its message."""
    lines = [line.strip() for line in error.message.splitlines() if line.strip()][1:]
    told = next((line for line in lines if _ADVISES.search(line)), "")
    return f'its own words: "{told[:200]}"' if told else ""


def own_import(error: Raised) -> re.Match[str] | None:
    """The name that a module of the person's own does not hold; None for a library's, and other errors."""
    found = _OWN_NAME.search(error.message) if error.type == "ImportError" else None
    return None if found is None or _LIBRARIES.search(found["file"]) else found


def _import(error: Raised, frame: Frame) -> str:
    found = own_import(error)
    if found is None:
        return ""
    path = Path(found["file"])
    if "partially initialized" in error.message:
        return f"{path.name} is still being imported here: it and {Path(frame.file).name} import each other"
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return ""
    near = difflib.get_close_matches(found["name"], _names(tree), n=1)
    meant = f"; did you mean `{near[0]}`?" if near else ""
    return f"{path.name} has no `{found['name']}`{meant}"


def _names(tree: ast.Module) -> set[str]:
    """The names that a module gives itself, at any depth of its blocks but not in functions."""
    held = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)}  # fmt: skip
    named = (n for s in tree.body if isinstance(s, ast.Assign | ast.AnnAssign) for n in ast.walk(s))
    return held | {n.id for n in named if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _text_number(error: Raised, frame: Frame) -> str:
    """A number of a YAML file that the line uses, and that YAML reads as a text."""
    if not re.search(r"\bstr\b|sequence", error.message):
        return ""
    beside = Path(frame.file).parent
    paths = [
        path
        for folder in (beside, beside.parent)
        for form in _CONFIGS
        for path in folder.glob(form)
    ]
    handed_over: list[str] = []
    for path in dict.fromkeys(paths[:_MOST_CONFIGS]):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):
            continue
        for at, line in enumerate(lines, 1):
            found = _TEXT_NUMBER.match(line)
            if found is None:
                continue
            pointed = re.sub(r"^([-+]?\d+)(?=[eE])", r"\1.0", found["text"])
            signed = re.sub(r"(?<=[eE])(?=\d)", "+", pointed)
            told = (
                f"YAML reads `{found['text']}` ({path.name}, line {at}) as a text: write `{signed}`, "
                "with a point and a sign, or convert it by `float()`"
            )
            if re.search(rf"\b{re.escape(found['key'])}\b", frame.code):
                return told
            handed_over += [told] if "**" in frame.code else []
    return handed_over[0] if len(handed_over) == 1 else ""


def _any(error: Raised, frame: Frame) -> str:
    held = _held(frame)
    return f"the line held {'; '.join(held)}" if held else ""


_STORIES: tuple[tuple[str, Callable[[Raised, Frame], str]], ...] = (
    (r"unexpected keyword argument", _argument),
    (r"^FileExistsError", _there),
    (r"^ImportError", _import),
    (r"is not JSON serializable", _unserializable),
    (r"^TypeError", _text_number),
    (r"JSONDecodeError", _json),
    (r"^UnicodeDecodeError", _undecoded),
    (r"(Scanner|Parser)Error", _yaml),
    (r"allow_pickle=False", _pickled),
    (r"^KeyError|ColumnNotFound", _key),
    (r"^IndexError", _index),
    (r"NoneType|_src\.empty\(\)", _none),
    (r"^ZeroDivisionError", _zero),
    (_UNPACK.pattern, _unpack),
    (r"more than 1 value per channel", _lone_row),
    (r"^(?:Value|Runtime|Type)Error|^InvalidArgument", _shapes),
    (r"^AssertionError", _assertion),
    (r"", _any),
)
