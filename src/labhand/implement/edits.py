"""Edits applied to the files of a worktree: all of one, or nothing of it."""

import ast
import difflib
import re
from pathlib import Path

from labhand.core.store import write_whole
from labhand.implement.actions import Lines, Swap, Unified, Whole
from labhand.kit.choice import says_what_runs

_KEPT_OUT = (".git", ".labhand")
_HUNK = re.compile(r"^@@ ?(?:-(\d+)(?:,\d+)? \+\d+(?:,\d+)?)? ?@@?")
_ALIKE = 0.92


class EditError(Exception):
    """An edit that cannot be applied; the message goes back to the model."""


class Files:
    """The files of a worktree, written whole or not at all. `project` is where the original lies."""

    def __init__(self, folder: Path, project: Path, script: Path | None) -> None:
        self.folder = folder.resolve()
        self.project = project
        self.script = script
        self.written: set[str] = set()
        self._applied: list[Swap | Lines | Unified] = []

    def place(self, path: str) -> Path:
        """Where a path of the project is in the worktree.

        Raises:
            EditError: it leads out of it.
        """
        given = Path(path)
        for above in (self.folder, self.project):
            if given.is_absolute() and given.is_relative_to(above):
                given = given.relative_to(above)
        place = (self.folder / given).resolve()
        if given.is_absolute() or not place.is_relative_to(self.folder):
            raise EditError(f"{path} lies outside of the project; only its own files can be edited")
        relative = place.relative_to(self.folder)
        if not relative.parts or relative.parts[0] in _KEPT_OUT:
            raise EditError(f"{path} cannot be edited")
        return place

    def text(self, path: str) -> str:
        """The text of a file.

        Raises:
            EditError: there is none, or it is no text.
        """
        place = self.place(path)
        try:
            return place.read_bytes().decode("utf-8")
        except FileNotFoundError:
            near = difflib.get_close_matches(path, self.listing(), n=3, cutoff=0.4)
            hint = f"; there is {', '.join(near)}" if near else ""
            raise EditError(f"there is no file {path}{hint}") from None
        except (OSError, UnicodeDecodeError):
            raise EditError(f"{path} is no text file") from None

    def listing(self, most: int = 400) -> list[str]:
        """The files of the worktree, most of them."""
        found = []
        for place in sorted(self.folder.rglob("*")):
            parts = place.relative_to(self.folder).parts
            if place.is_file() and not any(p.startswith(".") or p == "__pycache__" for p in parts):
                found.append("/".join(parts))
                if len(found) >= most:
                    break
        return found

    def fingerprint(self) -> dict[str, tuple[int, int]]:
        """Size and time of every file that is code or was written by an edit."""
        found: dict[str, tuple[int, int]] = {}
        for place in self.folder.rglob("*"):
            path = place.relative_to(self.folder).as_posix()
            if path.startswith(".git/") or "__pycache__" in path:
                continue
            if (
                says_what_runs(path) or path in self.written or path.endswith(".json")
            ) and place.is_file():
                about = place.stat()
                found[path] = (about.st_size, about.st_mtime_ns)
        return found

    def apply(self, edit: Whole | Swap | Lines | Unified) -> list[str]:
        """The files that it changed; none where they already were so.

        Raises:
            EditError: it does not fit; nothing was changed.
        """
        if isinstance(edit, Whole):
            return self._write(self._whole(edit))
        if edit in self._applied:
            return []  # a model that says the same again means that it is done, not twice
        if isinstance(edit, Unified):
            changed = self._unified(edit.text)
        else:
            changed = self._swap(edit) if isinstance(edit, Swap) else self._lines(edit)
        done = self._write(changed)
        self._applied.append(edit)
        return done

    def _write(self, changed: dict[str, str | None]) -> list[str]:
        done = []
        for path, text in changed.items():
            place = self.place(path)
            if text is None:
                place.unlink(missing_ok=True)
            elif not place.is_file() or place.read_bytes() != text.encode("utf-8"):
                place.parent.mkdir(parents=True, exist_ok=True)
                mode = place.stat().st_mode & 0o777 if place.is_file() else 0o644
                write_whole(place, text.encode("utf-8"))
                place.chmod(mode)
            else:
                continue
            self.written.add(place.relative_to(self.folder).as_posix())
            done.append(path)
        return done

    def _whole(self, edit: Whole) -> dict[str, str | None]:
        path = edit.path or self._meant(edit.text)
        place = self.place(path)
        if place.is_dir():
            raise EditError(f"{path} is a folder")
        text = edit.text if edit.text.endswith("\n") else edit.text + "\n"
        if place.is_file() and b"\r\n" in place.read_bytes()[:4096]:
            text = text.replace("\r\n", "\n").replace("\n", "\r\n")
        return {path: text}

    def _meant(self, text: str) -> str:
        """The file that a nameless block is a new version of: the most alike one of its kind."""
        try:
            names = {n.name for n in ast.parse(text).body if isinstance(n, ast.FunctionDef | ast.ClassDef)}  # fmt: skip
        except SyntaxError as error:
            raise EditError(f"a block names no file and is no whole Python file ({error.msg}); write the path before it") from error  # fmt: skip
        best, most = None, 0.5
        for path in (p for p in self.listing() if p.endswith(".py")):
            old = self.text(path)
            ratio = difflib.SequenceMatcher(
                None, old.splitlines(), text.splitlines(), False
            ).ratio()
            if ratio > most and all(re.search(rf"\b{n}\b", text) for n in names):
                best, most = path, ratio
        if best is None:
            raise EditError(
                "a block names no file, and no file is like it; write the path before it"
            )
        return best

    def _swap(self, edit: Swap) -> dict[str, str | None]:
        path = edit.path or self._holder(edit.old)
        text = self.text(path)
        count = text.count(edit.old)
        if count == 1:
            return {path: text.replace(edit.old, edit.new)}
        if count > 1:
            raise EditError(f"the text to replace stands {count} times in {path}; give more lines around it")  # fmt: skip
        lines, old = text.splitlines(keepends=True), edit.old.strip("\n").splitlines()
        at = _found(lines, old)
        if at is None:
            raise EditError(_not_there(path, text, old))
        indent = _shift(lines[at], old[0])
        new = (
            [indent(line) for line in edit.new.strip("\n").splitlines()] if edit.new.strip() else []
        )
        put = "".join(line + "\n" for line in new)
        return {path: "".join(lines[:at]) + put + "".join(lines[at + len(old) :])}

    def _holder(self, old: str) -> str:
        holders = [
            p for p in self.listing() if p.endswith(".py") and old.strip("\n") in self.text(p)
        ]
        if len(holders) != 1:
            raise EditError("an edit names no file; write the path before it")
        return holders[0]

    def _lines(self, edit: Lines) -> dict[str, str | None]:
        path = edit.path or (str(self.script) if self.script else "")
        lines = self.text(path).splitlines(keepends=True)
        if not 1 <= edit.first <= len(lines) + 1 or not edit.first - 1 <= edit.last <= len(lines):
            raise EditError(f"{path} has {len(lines)} lines, not {edit.first} to {edit.last}")
        text = edit.text if edit.text.endswith("\n") or not edit.text else edit.text + "\n"
        return {path: "".join([*lines[: edit.first - 1], text, *lines[edit.last :]])}

    def _unified(self, text: str) -> dict[str, str | None]:
        changed: dict[str, str | None] = {}
        for old, new, hunks in _parts(text):
            if new is None:
                changed[str(old)] = None
                continue
            now = "" if old is None else changed.get(old) or self.text(old)
            for start, body in hunks:
                now = _hunk(new, now, start, body)
            changed[new] = now
        if not changed:
            raise EditError("the diff names no file; begin it with --- a/FILE and +++ b/FILE")
        return changed


def _parts(text: str) -> list[tuple[str | None, str | None, list[tuple[int, list[str]]]]]:
    """Each file of a diff: its old and new path, its hunks with the line they say they start at."""
    parts: list[tuple[str | None, str | None, list[tuple[int, list[str]]]]] = []
    old: str | None = None
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if (
            line.startswith("--- ")
            and number + 1 < len(lines)
            and lines[number + 1].startswith("+++ ")
        ):
            old = _side(line)
            parts.append((old, _side(lines[number + 1]), []))
        elif parts and (mark := _HUNK.match(line)):
            parts[-1][2].append((int(mark[1] or 0), []))
        elif (
            parts
            and parts[-1][2]
            and not line.startswith(("diff --git", "index ", "+++ ", "--- a/"))
        ):
            parts[-1][2][-1][1].append(line)
    return parts


def _side(line: str) -> str | None:
    path = line[4:].split("\t")[0].strip()
    return None if path == "/dev/null" else re.sub(r"^[ab]/", "", path)


def _hunk(path: str, text: str, start: int, body: list[str]) -> str:
    """The text with a hunk applied where its old lines are, nearest to where it says."""
    while body and not body[-1].strip():
        body.pop()
    body = [line for line in body if not line.startswith("\\")]
    old = [line[1:] for line in body if not line.startswith("+")]
    new = [line[1:] for line in body if not line.startswith("-")]
    lines = text.splitlines(keepends=True)
    at = _found(lines, old, start - 1) if old else max(start, 0)
    if at is None:
        raise EditError(_not_there(path, text, old))
    return "".join(lines[:at]) + "".join(line + "\n" for line in new) + "".join(lines[at + len(old) :])  # fmt: skip


def _found(lines: list[str], old: list[str], near: int = 0) -> int | None:
    """Where the old lines stand, nearest to `near`: exactly, else but for blanks at the ends.

    None where they do not stand there, or as well in more than one place without any hint.
    """
    for plain in (lambda s: s.rstrip("\r\n"), str.rstrip, str.strip):
        have, want = [plain(line) for line in lines], [plain(line) for line in old]
        spots = [i for i in range(len(have) - len(want) + 1) if have[i : i + len(want)] == want]
        if len(spots) == 1 or (spots and near > 0):
            return min(spots, key=lambda i: abs(i - near))
        if spots:
            return None
    return None


def _shift(there: str, given: str):  # type: ignore[no-untyped-def]
    """What gives a line the indent that the text has where the edit has another."""
    have, told = (len(s) - len(s.lstrip(" \t")) for s in (there, given))

    def moved(line: str) -> str:
        if not line.strip() or have == told:
            return line
        return there[: have - told] + line if have > told else line[min(told - have, len(line) - len(line.lstrip())) :]  # fmt: skip

    return moved


def _not_there(path: str, text: str, old: list[str]) -> str:
    """The message for lines that are not there, with the nearest ones as they are."""
    lines = text.splitlines()
    first = next((line for line in old if line.strip()), "")
    near = difflib.get_close_matches(first, lines, n=1, cutoff=0.6)
    if near:
        at = lines.index(near[0])
        shown = "\n".join(f"{n + 1:>5} {lines[n]}" for n in range(max(at - 3, 0), min(at + len(old) + 3, len(lines))))  # fmt: skip
        return f"the lines to replace do not stand in {path}; the nearest there are:\n{shown}"
    return f"the lines to replace do not stand in {path}; read it, or give the file whole"
