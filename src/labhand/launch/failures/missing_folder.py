"""A file that was to be written into a folder that does not exist."""

import re
from pathlib import Path

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.paths import is_missing, named_paths, writes
from labhand.launch.raised import Raised

_PARENT = re.compile(
    r"Parent directory (?P<torch>.+?) does not exist"
    r"|non-existent directory: '(?P<pandas>[^']+)'"
    r"|^(?P<tensorflow>\S+); No such file or directory$"
)
_NOT_WRITABLE = re.compile(
    r"(?:file|open|create) '?(?P<path>[^\s']+/[^\s']+?)'? (?:is not available )?for writ"
)
"""Libraries that say a file cannot be written, and not why."""


_SHELL = re.compile(
    r"^(?P<script>[^\s:]+): (?:line )?(?P<line>\d+): (?:cannot create )?(?P<path>[^\s:]+/[^\s:]+): "
    r"(?:No such file or directory|Directory nonexistent)$"
)


class Failure:
    """The folder for a file that was to be written does not exist.

    ## What it does
    Recognises a write (`open` for writing, `torch.save`, `numpy.save`, `to_csv`, `savefig`, `mkdir`,
    …) that failed for want of its folder, and tells it from a read of a file that is missing.

    ## Known problems
    Some libraries say neither the path nor whether they read or wrote; then it stays unknown.

    ## Example
    `RuntimeError: Parent directory checkpoints does not exist.`

    ## References
    The Python documentation, `os.makedirs`.
    """

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with the missing folder in `evidence["folder"]` as the script named it."""
        for error in evidence.raised.chain() if evidence.raised else ():
            folder = _folder(error) or _absent(error, evidence.cwd)
            if folder:
                message = (
                    f"the folder `{folder}`, into which a file was to be written, does not exist"
                )
                facts = {
                    **error.facts(),
                    "folder": folder,
                    "advice": f"make it: `mkdir -p {folder}`",
                }
                return run.Failure("missing-folder", message, facts)
        for line in reversed(evidence.lines[-10:]) if evidence.raised is None else ():
            found = _SHELL.match(line.strip())
            if found and _redirects(found, evidence.cwd) and (folder := _parent(found["path"])):
                message = f"the folder `{folder}`, into which output was to go, does not exist"
                facts = {"said": line.strip(), "text": line.strip(), "folder": folder}
                advice = f"make it: `mkdir -p {folder}`"
                return run.Failure("missing-folder", message, {**facts, "advice": advice})
        return None


def _redirects(found: re.Match[str], cwd: str) -> bool:
    """Whether the line of the shell script sends output to the path."""
    try:
        lines = Path(cwd, found["script"]).read_text(encoding="utf-8").splitlines()
        line = lines[int(found["line"]) - 1]
    except (OSError, UnicodeDecodeError, IndexError):
        return False
    return bool(re.search(rf">>?\|?\s*['\"]?{re.escape(found['path'])}", line))


def _folder(error: Raised) -> str | None:
    if "unable to open database file" in error.message:
        return _of_database(error)
    found = _PARENT.search(error.message)
    if found:
        if found["tensorflow"]:
            return _parent(found["tensorflow"]) if writes(error) else None
        return found["torch"] or found["pandas"]
    if not is_missing(error) or not writes(error):
        return None
    paths = named_paths(error.message)
    return _parent(paths[-1]) if paths else None  # `a -> b`: it is b that is to be written


def _absent(error: Raised, cwd: str) -> str | None:
    """The folder of a file that cannot be written, where it is the folder that is missing."""
    found = _NOT_WRITABLE.search(error.message)
    folder = _parent(found["path"]) if found else None
    return folder if folder and not Path(cwd, folder).exists() else None


def _of_database(error: Raised) -> str | None:
    """The folder of the database, as the line writes it or a name in it holds it; sqlite says none."""
    frame = error.own
    texts = (
        re.findall(r"['\"]([^'\"]*/[^'\"]*)['\"]", frame.code + str(frame.values)) if frame else []
    )
    places = [_parent(text.removeprefix("sqlite:///")) for text in texts]
    missing = [p for p in places if p and frame and not (Path(frame.file).parent / p).is_dir()]
    return missing[0] if missing else None


def _parent(path: str) -> str | None:
    return path.rstrip("/").rpartition("/")[0] or None
