"""What a tool is: its arguments are its fields, its docstring tells the agent what it is for."""

import difflib
import shlex
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Union, get_args, get_origin

import msgspec

from labhand.core.errors import UsageError
from labhand.core.finding import Finding
from labhand.core.store import Store, project_root

Tell = Callable[[float, float | None, str], None]
"""Takes how much is done, of how much (None: not known), and a few words."""


class Here(msgspec.Struct):
    """Where the server works: relative paths count from `cwd`; `told` are the findings told so far."""

    cwd: Path
    told: dict[str, Finding] = {}

    @property
    def store(self) -> Store:
        """The record of the project."""
        return Store.at(self.cwd)

    @property
    def root(self) -> Path:
        """The project's folder."""
        return project_root(self.cwd)

    def path(self, text: str) -> Path:
        """The path that the text means."""
        return self.cwd / Path(text).expanduser()


class Call(msgspec.Struct):
    """One call of a tool: where, whom to tell how it gets on, and whether the agent still waits."""

    here: Here
    tell: Tell
    gone: threading.Event


class Tool(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A tool. A subclass is named as the verb; `reads` where it changes nothing."""

    reads: ClassVar[bool] = True
    ends: ClassVar[bool] = False

    def do(self, call: Call) -> str:
        """What the agent is told. May block; raises LabhandError for what is wrong with the call."""
        raise NotImplementedError


def name_of(tool: type[Tool]) -> str:
    """The name an agent calls the tool by."""
    return tool.__name__.lower()


def schema_of(tool: type[Tool]) -> dict[str, Any]:
    """The JSON Schema of the tool's arguments."""
    whole = msgspec.json.schema(tool)
    made: dict[str, Any] = dict(whole["$defs"][tool.__name__])
    made.pop("title", None)
    made.pop("description", None)
    made.setdefault("properties", {})
    return made


def taken(tool: type[Tool], given: dict[str, Any]) -> Tool:
    """The call that the arguments make.

    Agents send a list or table as JSON in a string, one word where a list is due, a number in
    quotes: what is meant is plain, so it is taken.

    Raises:
        UsageError: they do not fit.
    """
    fields = {field.name: field.type for field in msgspec.structs.fields(tool)}
    for key in given:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            hint = f"did you mean `{near[0]}`? " if near else ""
            takes = ", ".join(f"`{name}`" for name in fields) or "nothing"
            raise UsageError(f"`{name_of(tool)}` takes no `{key}`; {hint}it takes {takes}")
    meant = {key: _meant(fields[key], value) for key, value in given.items() if value is not None}
    try:
        return msgspec.convert(meant, tool, strict=False)
    except msgspec.ValidationError as error:
        why = str(error).replace("Object missing required field", "it needs")
        why = why.replace(" - at `$.", ", in `")
        options = [f"it takes {o}" for key, o in _options(tool).items() if f"`{key}" in why]
        why = "; ".join([why, *options])
        raise UsageError(
            f"the arguments of `{name_of(tool)}` do not fit: {why[:1].lower()}{why[1:]}"
        ) from None


def _options(tool: type[Tool]) -> dict[str, str]:
    """The words that each field with few of them can hold."""
    fields = schema_of(tool)["properties"].items()
    return {key: ", ".join(f"`{o}`" for o in f["enum"]) for key, f in fields if "enum" in f}


def _meant(kind: Any, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    kinds = _kinds(kind)
    if value.lstrip()[:1] in "[{" and value.strip() and not kinds <= {str}:
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            pass
    return [value] if list in kinds and str not in kinds else value


def _kinds(kind: Any) -> set[Any]:
    if get_origin(kind) in (Union, types.UnionType):
        return {inner for part in get_args(kind) for inner in _kinds(part)}
    if hasattr(kind, "__metadata__"):
        return _kinds(kind.__origin__)
    return {get_origin(kind) or kind}


def words_of(command: str | list[str]) -> list[str]:
    """The words of a command that came as a line or as words.

    Raises:
        UsageError: it is empty, or needs a shell.
    """
    if isinstance(command, list):
        return command
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(
            f"the command cannot be read: {error}; give it as a list of words"
        ) from None
    shell = [word for word in words if word in ("&&", "||", "|", ";", ">", ">>", "<", "&", "2>&1")]
    if shell:
        raise UsageError(
            f"`{shell[0]}` needs a shell, and a run has none; give the bare command, or "
            '["bash", "-c", "…"]'
        )
    return words
