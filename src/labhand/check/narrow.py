"""What is news: not what a baseline holds, nor what was there before a change."""

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from labhand.core.errors import InputError, UsageError
from labhand.core.finding import Finding, Findings
from labhand.kit.git import GitError, Repository

Look = Callable[[list[Path], Path], list[Finding]]
"""Checks paths below a root."""


def known(baseline: Path) -> set[str]:
    """The ids of the findings in a document that `labhand check --format json` has written.

    An id is made of rule, path, function and code, not of a line: it holds after edits elsewhere.

    Raises:
        InputError: the file cannot be read, or is no such document.
    """
    try:
        document = msgspec.json.decode(baseline.read_bytes(), type=Findings)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no findings document"
        raise InputError(
            f"the baseline {baseline} cannot be read: {why}; "
            f"`labhand check --format json > {baseline}` makes one"
        ) from error
    return {finding.id for finding in document.findings}


def before(revision: str, findings: list[Finding], root: Path, look: Look) -> set[str]:
    """The ids of those of the findings that a revision of the project has too.

    Its code is laid out in a folder for the time being and checked there. A file that was renamed is
    looked at under its new name.

    Raises:
        UsageError: there is no such revision, or no repository.
    """
    paths = sorted({str(f.where.path) for f in findings})
    try:
        repository = Repository.at(root)
        tree, renamed = repository.tree(revision), repository.renamed(revision)
        with TemporaryDirectory(prefix="labhand-since-") as name:
            folder = Path(name).resolve() / "code"
            folder.mkdir()
            index = folder.parent / "index"
            code = [p for p in repository.entries(tree) if p.endswith((".py", ".ipynb"))]
            repository.lay_out(tree, index, folder, code)
            for new in paths:
                if new in renamed and (old := folder / renamed[new]).is_file():
                    (folder / new).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(old, folder / new)
            there = [folder / p for p in paths if (folder / p).is_file()]
            return {f.id for f in look(there, folder)} if there else set()
    except GitError as error:
        raise UsageError(
            f"the code of `{revision}` cannot be had: {error}; --since takes a revision that "
            "`git rev-parse` knows in this repository"
        ) from error
