"""The settings of a script, found in its text, and how to change one without touching the file."""

import ast
import difflib
import os
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from labhand.core.errors import NotFoundError, UsageError
from labhand.kit.code import (
    Project,
    Source,
    commands,
    configs,
    data,
    environ,
    flags,
    hydra,
    lightning,
    subcommands,
    written,
)
from labhand.kit.code import compared as comparisons
from labhand.kit.code.data import Setting
from labhand.kit.code.knowledge import TRAINING_ARGUMENTS
from labhand.kit.code.project import Known
from labhand.kit.placed import placed
from labhand.kit.values import Value, read

__all__ = ["Applied", "Setting", "apply", "discover", "script_of", "seed_setting"]

_SEEDS = re.compile(r"^(\w+_)?seed$|^(manual|random|rng|global|np|torch)seed$|^random_state$", re.I)
_SAYS_SEED = re.compile(r"^\W*(?:the |a )?(?:random|rng|global|prng)?[ -]*(?:seed|state)\b", re.I)
_SHELLS = ("bash", "sh", "zsh")
_LAUNCHING_MODULES = ("torch.distributed", "accelerate", "deepspeed", "debugpy", "pdb", "cProfile")


class Applied(NamedTuple):
    """A command with settings changed: flags in the command, code in the overlay.

    `overlay` holds the whole text to run in place of a file; `resolved` the values as typed.
    """

    command: list[str]
    overlay: dict[Path, str]
    resolved: dict[str, object]


def discover(script: Path, root: Path) -> list[Setting]:
    """The settings of a script and of what it imports from its project, what counts most first.

    Raises:
        UsageError: the script cannot be read as Python.
    """
    project = Project(root)
    source = project.source(script.resolve())
    if source is None or source.error:
        why = source.error if source else "it is not there or cannot be read"
        raise UsageError(f"the settings of {script} cannot be found: {why}; mend the script first")
    files = [source]
    for file in files:
        files.extend(f for f in project.imported(file) if all(f is not k for k in files))
    return _ordered(project, files)


def _ordered(project: Project, files: list[Source]) -> list[Setting]:
    found: list[Setting] = []
    plain: list[Setting] = []
    for file in files:
        found += flags.declared(project, file)
        found += commands.looped(project, file)
        found += commands.of_classes(project, file)
        found += commands.of_docstring(project, file)
        found += hydra.settings(project, file)
        found += lightning.settings(project, file)
        found += written.configured(project, file)
        plain += _plain(project, file)
    compared = comparisons.taken(files) | comparisons.compared(files)
    found += configs.settings(project, files)
    found += environ.settings(files, compared)
    if any(flags.parses_training_arguments(project, f) for f in files):
        known = {s.name for s in found}
        found += [s for s in _training_arguments(files[0]) if s.name not in known]
    parsed = {s.owner for s in found if s.kind in ("hf", "tyro", "hydra")}
    found = [s for s in found if not s.positional or s.takes == "value"]
    found += [s for s in plain if s.kind == "constant" or s.owner not in parsed]
    for more in (
        [s for file in files for s in written.fields(project, file)],
        list(written.settings(project, files)),
    ):
        found += written.apart_from(found, more)
    return [
        s
        if s.kind == "env"
        else s._replace(compared=(*s.compared, *_compared(s.name.rpartition(".")[2], compared)))
        for s in found
    ]


def _compared(name: str, compared: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """What the code compares a setting with; a constant `PENALTY` is handed on as `penalty`."""
    return compared.get(name, ()) or (compared.get(name.lower(), ()) if name.isupper() else ())


def _plain(project: Project, file: Source) -> list[Setting]:
    found: list[Setting] = []
    for known in file.index.classes:
        ours = Known(file, known)
        if data.is_dataclass(project, ours):
            found += data.dataclass_fields(project, ours)
    return found + list(data.constants(file))


def _training_arguments(source: Source) -> list[Setting]:
    return [
        Setting(
            name=name,
            kind="hf",
            file=source.path,
            line=1,
            flag=f"--{name}",
            spellings=(f"--{name}", f"--{name.replace('_', '-')}"),
            type=data.type_of(default),
            default=default,
            owner="TrainingArguments",
            takes="word" if isinstance(default, bool) else "value",
        )
        for name, default in TRAINING_ARGUMENTS.items()
    ]


def seed_setting(settings: Iterable[Setting]) -> Setting | None:
    """The setting that seeds the run: `seed`, `random_seed`, `SEED`, `train.seed`, or whose help says so."""
    settings = list(settings)
    named = [s for s in settings if _SEEDS.match(s.name.rpartition(".")[2])]
    told = [s for s in settings if s.type == "int" and _SAYS_SEED.match(s.help)]
    return min(named or told, key=lambda s: s.name.lower() != "seed", default=None)


def script_of(command: Sequence[str], cwd: Path, root: Path) -> tuple[Path, int]:
    """The Python script that a command runs, and the index of the argument that names it.

    Raises:
        UsageError: there is none, or it is hidden in a shell script.
    """
    for position, word in enumerate(command):
        if word == "-m" and position + 1 < len(command):
            module = command[position + 1]
            found = _module(module, cwd, root)
            if found is not None:
                return found, position + 1
            if not module.startswith(_LAUNCHING_MODULES):
                break
        elif word.endswith(".py") and (cwd / word).is_file():
            return (cwd / word).resolve(), position
    shown = shlex.join(command)
    if any(Path(w).name in _SHELLS or w.endswith(".sh") for w in command[:2]):
        raise UsageError(
            f"`{shown}` hides its Python command in a shell script; give labhand the "
            "`python SCRIPT.py` command itself to change a setting"
        )
    raise UsageError(
        f"labhand sees no Python script in `{shown}`; settings can be changed in commands such as "
        "`python train.py`, `python -m pkg.train` or `torchrun train.py`"
    )


def _module(name: str, cwd: Path, root: Path) -> Path | None:
    parts = name.split(".")
    for base in (cwd, cwd / "src", root, root / "src"):
        target = base.joinpath(*parts)
        for path in (target.with_suffix(".py"), target / "__main__.py"):
            if path.is_file():
                return path.resolve()
    return None


def apply(settings: Mapping[str, str], command: Sequence[str], cwd: Path, root: Path) -> Applied:
    """The command with these settings changed, by flags where it takes them, else by an overlay.

    Raises:
        NotFoundError: the script has no such setting.
        UsageError: a value does not fit, or the command runs no Python script that can be seen.
    """
    if not settings:
        return Applied(list(command), {}, {})
    script, position = script_of(command, cwd, root)
    known = discover(script, root)
    words = list(command)
    edits: dict[Path, list[tuple[ast.expr, str]]] = {}
    read_by: list[tuple[Setting, object]] = []
    resolved: dict[str, object] = {}
    for key, text in settings.items():
        setting = find(key, known, script)
        value = read(setting, text)
        resolved[setting.name] = value.value
        if setting.positional:
            words = placed(words, position + 1, setting, known, value.text)
        elif setting.flag:
            first = position + 1
            own, after = subcommands.parted(words[first:], setting, known)
            words = _with_flag([*words[:first], *own], first, setting, value) + after
        elif setting.kind == "config":
            read_by.append((setting, value.value))
        elif setting.kind == "env":
            edits.setdefault(setting.file, []).append(_of_environment(setting, value))
        elif _configured(setting, script, words, position):
            plain = setting._replace(flag=f"--{setting.name}", spellings=(f"--{setting.name}",))
            words = _with_flag(words, position + 1, plain._replace(kind="fire"), value)
        else:
            path, target = _default_of(setting, root, script)
            edits.setdefault(path, []).append((target, value.code))
    overlay = {path: _edited(path, changes) for path, changes in edits.items()}
    for setting, given in read_by:
        # Last, since another setting may have named another file.
        path = configs.file_of(setting, known, words, cwd)
        text = overlay.get(path) or path.read_text(encoding="utf-8")
        overlay[path] = configs.changed(path, text, setting.name, given)
    return Applied(words, overlay, resolved)


def find(key: str, settings: Sequence[Setting], script: Path) -> Setting:
    """The setting that a key means: its name, its flag, `Owner.name`, or the one ending of it.

    Raises:
        NotFoundError: no setting is meant.
        UsageError: several are, and they differ.
    """
    wanted = key.lstrip("-").replace("-", "_")
    exact = [s for s in settings if wanted in _names(s)]
    found = exact or [s for s in settings if s.name.endswith(f".{wanted}")]
    found = found or _of_field(wanted, settings)
    if not found:
        raise _unknown(key, settings, script)
    first = found[0]
    if first.flag and (exact or len(found) == 1):
        return first
    nearest = [s for s in found if s.file == (script if _in(found, script) else first.file)]
    owners = {s.owner or s.name for s in nearest}
    if len(owners) > 1:
        options = " or ".join(sorted(f"`{_full(s)}`" for s in nearest))
        raise UsageError(f"`{key}` means several settings of {script.name}; say {options}")
    return nearest[0]


def _of_field(wanted: str, settings: Sequence[Setting]) -> list[Setting]:
    """The setting that `optim.lr` means where the field `optim` holds a class with an `lr`."""
    path, _, name = wanted.rpartition(".")
    last = path.rpartition(".")[2]
    held = {s.holds for s in settings if s.holds and s.name == last}
    found = [s for s in settings if s.name == name and s.owner in held]
    sharing = [s.name for s in settings if s.holds and s.holds in {f.owner for f in found}]
    if found and len(sharing) > 1:
        raise UsageError(
            f"`{' and '.join(sharing)}` share the defaults of `{found[0].owner}`, so `{wanted}` "
            f"cannot be changed alone; change it in the code, or all by `{_full(found[0])}`"
        )
    return found


def _in(found: list[Setting], script: Path) -> bool:
    return any(s.file == script for s in found)


def _names(setting: Setting) -> set[str]:
    spelled = {s.lstrip("-").replace("-", "_") for s in setting.spellings}
    return {setting.name, _full(setting), *spelled}


def _full(setting: Setting) -> str:
    place = setting.owner or setting.file.stem
    return setting.name if setting.kind in ("hydra", "config", "env") else f"{place}.{setting.name}"


def _unknown(key: str, settings: Sequence[Setting], script: Path) -> NotFoundError:
    names = list(dict.fromkeys(s.name for s in settings))
    if not names:
        return NotFoundError(
            f"{script.name} has no setting that labhand can see; `--set` changes flags, module "
            "constants, dataclass defaults and Hydra keys"
        )
    last = {n.rpartition(".")[2]: n for n in reversed(names)}
    wanted = key.lstrip("-").replace("-", "_")
    near = [last[n] for n in difflib.get_close_matches(wanted, list(last), n=3, cutoff=0.5)]
    near += [n for n in names if n not in near and _abbreviates(wanted, n)]
    hint = f"did you mean {' or '.join(f'`{n}`' for n in near[:3])}? It" if near else "it"
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    return NotFoundError(f"no setting of {script.name} is named `{key}`; {hint} has: {shown}")


def _abbreviates(short: str, name: str) -> bool:
    parts = [p for p in re.split(r"[._]", name.lower()) if p]
    return len(parts) > 1 and "".join(p[0] for p in parts) == short.lower()


def _configured(setting: Setting, script: Path, words: Sequence[str], position: int) -> bool:
    """Whether the script runs a configurator over its arguments, which would beat an overlay."""
    if setting.kind != "constant" or setting.owner or setting.file != script:
        return False
    text = script.read_text(encoding="utf-8", errors="replace")
    return len(words) > position + 1 and "configurator.py" in text and "exec(" in text


def _with_flag(words: list[str], start: int, setting: Setting, value: Value) -> list[str]:
    before, after = words[:start], words[start:]
    rest, inserted = _without(after, setting)
    spelled = _spelled(setting, value)
    at = inserted if inserted is not None else len(rest)
    return before + rest[:at] + spelled + rest[at:]


def _without(words: list[str], setting: Setting) -> tuple[list[str], int | None]:
    """The words without the setting's flag and its values, and where it stood first."""
    spellings = {*setting.spellings, setting.flag, setting.off} - {""}
    rest: list[str] = []
    at: int | None = None
    skip = 0
    for position, word in enumerate(words):
        if skip:
            skip -= 1
            continue
        head, equals, _ = word.partition("=")
        if head.lstrip("+") not in spellings or (setting.kind == "hydra" and not equals):
            rest.append(word)
            continue
        at = len(rest) if at is None else at
        if not equals and setting.takes in ("value", "word", "many", "each"):
            skip = _values_after(words[position + 1 :], setting.takes == "many")
    return rest, at


def _values_after(words: list[str], many: bool) -> int:
    count = 0
    for word in words:
        if (word.startswith("-") and not re.match(r"-\.?\d", word)) or (count == 1 and not many):
            break
        count += 1
    return count


def _spelled(setting: Setting, value: Value) -> list[str]:
    flag = setting.flag
    if value.value is None and setting.default is None and setting.kind not in ("fire", "hydra"):
        return []  # a parser of numbers has no word for it: it is what stands where nothing is said
    if setting.kind == "hydra" and isinstance(value.value, str):
        return [f"{flag}={_hydra_text(value.text)}"]
    if setting.kind in ("fire", "hydra", "absl"):
        return [f"{flag}={value.text}"]
    match setting.takes:
        case "on" | "off":
            return [flag] if value.value is (setting.takes == "on") else []
        case "switch":
            return [flag if value.value else setting.off]
        case "many":
            return [flag, *value.parts]
        case "each":
            return [f"{flag}={part}" for part in value.parts]
    # argparse and click would take a leading minus for a flag
    return [f"{flag}={value.text}"] if value.text.startswith("-") else [flag, value.text]


def _hydra_text(text: str) -> str:
    """The text as Hydra's grammar of overrides wants it; lists and `${...}` as they are."""
    if re.fullmatch(r"[\w/\-.$%*@?|: ]*", text) or text.startswith(("[", "{", "$")):
        return text
    escaped = re.sub(r"(\\*)('|$)", lambda m: 2 * m[1] + (m[2] and "\\'"), text)
    return f"'{escaped}'"


def _default_of(setting: Setting, root: Path, script: Path) -> tuple[Path, ast.expr]:
    """The expression to change for a setting that is only in the code, and its file."""
    if setting.kind == "dataclass":
        given = _constructed_with(setting, root, script)
        if given is not None:
            return script, given
    chosen = data.alternatives(setting.value)[1]
    if setting.value is None or not (chosen or data.literal(setting.value)[0]):
        raise UsageError(
            f"`{setting.name}` in {setting.file.name} line {setting.line} is computed, not a plain "
            "value; change it in the code"
        )
    return setting.file, setting.value


def _of_environment(setting: Setting, value: Value) -> tuple[ast.expr, str]:
    """The default of a variable that the code reads, and the text that it becomes."""
    if setting.name in os.environ:
        raise UsageError(
            f"`{setting.name}` is `{os.environ[setting.name]}` in the environment, which beats its default; "
            f"say `unset {setting.name}` first"
        )
    assert setting.value is not None
    return setting.value, environ.code(setting, value.value)


def _constructed_with(setting: Setting, root: Path, script: Path) -> ast.expr | None:
    """The value that the script itself passes for a field, which would beat the field's default."""
    project = Project(root)
    source = project.source(script)
    assert source is not None
    for scope in source.index.scopes:
        for call in scope.calls:
            if ast.unparse(call.func).rpartition(".")[2] != setting.owner:
                continue
            given = next((k.value for k in call.keywords if k.arg == setting.name), None)
            if given is None:
                continue
            if data.literal(given)[0]:
                return given
            raise UsageError(
                f"`{setting.owner}.{setting.name}` is given in {script.name} line {given.lineno}, "
                "which beats its default; change it there"
            )
    return None


def _edited(path: Path, changes: list[tuple[ast.expr, str]]) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        text = file.read()
    raw = text.encode()
    starts = [0]
    for end in re.finditer(rb"\r\n|\r|\n", raw):
        starts.append(end.end())
    bom = len(b"\xef\xbb\xbf") if raw.startswith(b"\xef\xbb\xbf") else 0
    for node, code in sorted(changes, key=lambda c: (c[0].lineno, c[0].col_offset), reverse=True):
        begin = starts[node.lineno - 1] + node.col_offset + (bom if node.lineno == 1 else 0)
        end_line = node.end_lineno or node.lineno
        finish = starts[end_line - 1] + (node.end_col_offset or 0) + (bom if end_line == 1 else 0)
        raw = raw[:begin] + code.encode() + raw[finish:]
    return raw.decode()
