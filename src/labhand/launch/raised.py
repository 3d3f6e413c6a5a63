"""The exception that ended a training: told by the probe, or read from the end of its output."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from labhand.kit.escapes import ESCAPES

_RANK = re.compile(
    r"^(?:[EWIF]\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ [^\]\s]+\] "  # torch's own log lines
    r"|\[(?:rank|default)?\d+\]:\s?"  # torch.distributed, torchrun --tee
    r"|\([^()]*pid=\d+[^()]*\)\s?"  # ray
    r"|\s*\d+:\s(?=Traceback|  File|\w+Error))"  # srun --label
)
_HEADER = "Traceback (most recent call last)"
_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$')
_RAISED = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?:: ?(?P<message>.*))?$")
_RICH_FRAME = re.compile(r"^[│|]\s*(?P<file>[^\s:]+):(?P<line>\d+) in (?P<function>\S+)\s*[│|]?$")
_PARSE_ERRORS = ("SyntaxError", "IndentationError", "TabError")
_WRAPPERS = frozenset(
    "ChildFailedError ProcessRaisedException ProcessExitedException CalledProcessError RayTaskError "
    "SystemExit InstantiationException BrokenProcessPool".split()
)
_COLLATERAL = re.compile(r"[Cc]onnection (?:closed|reset) by peer|Broken pipe|store.*[Tt]imeout")
_SEVERED = frozenset("BrokenPipeError EOFError ConnectionResetError".split())
_PROCESSES = re.compile(r"(?:^|/)multiprocessing/")
_FOREIGN = re.compile(
    r"(?:^|/)(?:site-packages|dist-packages|lib/python\d[\d.]*|labhand/probe)/|/bin/[\w.-]+$"
    r"|/packages/[0-9a-f]{12}/"  # installed for a run alone
    r"|^<(?!string>|stdin>)|^[^/].*\.pyx$"  # Cython tells where a file lay when it was built
)


class Frame(NamedTuple):
    """One line of a traceback. `code` is the source line as printed, stripped.

    `values` are words for what the names in it held, where the probe was there to see it.
    """

    file: str
    line: int
    function: str
    code: str
    values: dict[str, str] = {}  # noqa: RUF012

    @property
    def foreign(self) -> bool:
        """Whether it lies in a library, not in the person's code."""
        return bool(_FOREIGN.search(self.file))


class Raised(NamedTuple):
    """An exception. `type` is without its module; `said` is the line of the output that names it.

    `cause` is what it was raised from; `context` what was being handled when it was raised.
    `memory_limit`: the bytes that the process could have at most, where it had such a limit.
    """

    type: str
    message: str
    frames: list[Frame]
    said: str
    cause: "Raised | None" = None
    context: "Raised | None" = None
    memory_limit: int | None = None

    @property
    def second_hand(self) -> bool:
        """Whether it only says that another process, or a call inside, has failed."""
        severed = self.type in _SEVERED and any(_PROCESSES.search(f.file) for f in self.frames)
        return severed or self.type in _WRAPPERS

    @property
    def own(self) -> Frame | None:
        """The deepest frame in the person's own code: of a file, if any, since libraries make code too."""
        own = [frame for frame in reversed(self.frames) if not frame.foreign]
        return next((frame for frame in own if frame.file != "<string>"), next(iter(own), None))

    def chain(self) -> "Iterator[Raised]":
        """This exception and those it was raised from, the last raised first."""
        at: Raised | None = self
        while at is not None:
            yield at
            at = at.cause

    @property
    def headline(self) -> str:
        """`Type: message` in one line: of a message of several, the first that says something."""
        said = next((line.strip() for line in self.message.splitlines() if line.strip()), "")
        return f"{self.type}: {said}" if said else self.type

    def facts(self) -> dict[str, Any]:
        """What a failure keeps of it as evidence."""
        frame = self.own
        where = frame._asdict() if frame else {}
        text = f"{self.type}: {self.message}" if self.message else self.type
        return {"exception": self.type, "text": text, "said": self.said, **where}


def raised(exception: dict[str, Any] | None, tail: str) -> Raised | None:
    """The exception that ended the training; the probe's word counts more than the output."""
    printed = _printed(seen(tail))
    told = _told(exception) if exception else None
    if told is None or (told.second_hand and printed is not None and printed.type != told.type):
        return printed
    if printed is None or printed.type != told.type:
        return told
    is_cut = told.message.endswith("…") and printed.message.startswith(told.message[:-1])
    return told._replace(
        message=printed.message if is_cut else told.message,
        said=printed.said,
        frames=told.frames or printed.frames,
        cause=told.cause or printed.cause,
        context=told.context or printed.context,
    )


def seen(tail: str) -> list[str]:
    """The lines as last drawn, without colours and the prefixes that launchers put on ranks."""
    lines = []
    for line in tail.split("\n"):
        plain = ESCAPES.sub("", line) if "\x1b" in line else line
        if "\r" in plain:
            plain = next((part for part in reversed(plain.split("\r")) if part.strip()), "")
        lines.append(_RANK.sub("", plain))
    return lines


def _told(data: dict[str, Any]) -> Raised:
    frames = [
        Frame(
            str(frame.get("file", "")),
            int(frame.get("line") or 0),
            str(frame.get("function", "")),
            str(frame.get("code") or "").strip(),
            {str(k): str(v) for k, v in (frame.get("values") or {}).items()},
        )
        for frame in data.get("frames") or ()
    ]
    name, message = str(data.get("type", "")).rpartition(".")[2], str(data.get("message", ""))
    if _HEADER in message and (told := _printed(message.split("\n"))) is not None:
        return told  # a worker's own traceback, raised anew here
    cause = data.get("cause")
    inner = _told(cause) if isinstance(cause, dict) else None
    first = message.partition("\n")[0]
    limit = data.get("memory_limit")
    return Raised(
        name, message, frames, f"{name}: {first}", context=inner, memory_limit=limit and int(limit)
    )


def _printed(lines: list[str]) -> Raised | None:
    blocks = list(_blocks(lines))
    found = next((block for block in reversed(blocks) if not _second_hand(block)), None)
    if found is None:
        return _parse_error(lines) or _rich(lines) or (blocks[-1] if blocks else None)
    later = _parse_error(lines)
    if later is not None and later.said != found.said:
        return later
    return found


def _second_hand(block: Raised) -> bool:
    return block.second_hand or bool(
        block.type.startswith(("Dist", "Runtime")) and _COLLATERAL.search(block.message)
    )


def _blocks(lines: list[str]) -> Iterator[Raised]:
    """Every traceback, in order, each knowing the one it was raised from."""
    before: Raised | None = None
    before_end = 0
    at = 0
    while at < len(lines):
        if _HEADER not in lines[at] or lines[at].lstrip().startswith(("│", "╭")):
            at += 1
            continue
        block, end = _block(lines, at)
        if block is not None:
            between = "\n".join(lines[before_end:at])
            if before is not None and "direct cause of the following" in between:
                block = _unwrapped(block, before)
            elif before is not None and "During handling of the above" in between:
                block = block._replace(context=before)
            yield block
            before, before_end = block, end
        at = max(end, at + 1)


def _unwrapped(block: Raised, cause: Raised) -> Raised:
    """The exception with its cause; one that another process raised anew is that of the process."""
    if (block.type, block.message) == (cause.type, cause.message):
        return cause
    return block._replace(cause=cause)


def _block(lines: list[str], start: int) -> tuple[Raised | None, int]:
    """The traceback whose header is at `start`, and where it ends."""
    frames: list[Frame] = []
    before = lines[start].partition(_HEADER)[0]
    margin = 0 if before.strip() else len(before)  # a progress bar may stand before the header
    for at in range(start + 1, len(lines)):
        line = lines[at]
        frame = _FRAME.match(line)
        if frame:
            below = lines[at + 1] if at + 1 < len(lines) else ""
            code = "" if _FRAME.match(below) or below[:1] not in (" ", "\t") else below.strip()
            frames.append(Frame(frame["file"], int(frame["line"]), frame["function"] or "", code))
            continue
        if _HEADER in line:
            return None, at
        if not line.strip() or line[margin : margin + 1] in (" ", "|", ""):
            continue
        found = _RAISED.match(line[margin:].rstrip())
        if found is None:
            return None, at
        message, end = _message(lines, at, found["message"] or "")
        return Raised(found["type"].rpartition(".")[2], message, frames, line.strip()), end
    return None, len(lines)


def _message(lines: list[str], at: int, first: str) -> tuple[str, int]:
    """The whole message of the exception named at `at`: indented lines belong to it.

    Where nothing stands behind the name, so does the next line.
    """
    parts = [first]
    end = at + 1
    if not first.strip() and end < len(lines) and lines[end].strip() and _HEADER not in lines[end]:
        parts.append(lines[end].rstrip())
        end += 1
    while end < len(lines) and lines[end][:1] in (" ", "\t") and _HEADER not in lines[end]:
        parts.append(lines[end].rstrip())
        end += 1
    return "\n".join(parts), end


def _parse_error(lines: list[str]) -> Raised | None:
    """A script that Python could not read: it is told without a header."""
    for at in range(len(lines) - 1, -1, -1):
        found = _RAISED.match(lines[at].rstrip())
        if found is None or found["type"] not in _PARSE_ERRORS:
            continue
        for above in range(at - 1, max(-1, at - 8), -1):
            frame = _FRAME.match(lines[above])
            if frame and not frame["function"]:
                code = lines[above + 1].strip()
                place = Frame(frame["file"], int(frame["line"]), "", code)
                return Raised(found["type"], found["message"] or "", [place], lines[at].strip())
    return None


def _rich(lines: list[str]) -> Raised | None:
    """A traceback in a box, as rich and typer draw it."""
    foot = next((i for i in range(len(lines) - 1, -1, -1) if lines[i].lstrip()[:1] == "╰"), None)
    if foot is None or not any(_HEADER in line for line in lines[:foot]):
        return None
    found = next((m for line in lines[foot + 1 :] if (m := _RAISED.match(line.rstrip()))), None)
    if found is None:
        return None
    matches = (_RICH_FRAME.match(line.strip()) for line in lines[:foot])
    frames = [Frame(m["file"], int(m["line"]), m["function"], "") for m in matches if m]
    name = found["type"].rpartition(".")[2]
    return Raised(name, found["message"] or "", frames, found[0].strip())
