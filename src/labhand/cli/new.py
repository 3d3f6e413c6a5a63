"""`labhand new`: both files of a new extension."""

import re
from pathlib import Path

import click

from labhand.cli import looks
from labhand.core import registry
from labhand.core.errors import InputError, UsageError
from labhand.core.store import Store, project_root

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TEMPLATES = Path(__file__).parent / "templates"


@click.command(epilog="Example: labhand new rule shuffled-eval-order")
@click.argument("kind", type=click.Choice(list(registry.KINDS)), metavar="KIND")
@click.argument("name")
def new(kind: str, name: str) -> None:
    """Start a new rule, detector, failure, fixer, launcher, reader or agent.

    KIND is one of these words, NAME lowercase words with hyphens that name the bad pattern. In a
    checkout of labhand the extension becomes a built-in one; elsewhere it belongs to the project and
    lies in `.labhand/`.
    """
    which = registry.KINDS[kind]
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"`{name}` is no name for a {kind}; write lowercase words with hyphens, as grad-zero-missing"
        )
    code, case = _places(which, name)
    for path in (code, case):
        if path is not None and path.exists():
            raise UsageError(
                f"{looks.from_here(path)} exists already; choose another name or edit it"
            )
    taken = [e.name for e in registry.extensions(kind, Store.at(Path.cwd()).home)]
    if name in taken:
        raise UsageError(f"a {kind} named `{name}` exists already; `labhand rule {name}` shows it")
    _write(code, (_TEMPLATES / f"{kind}.py.txt").read_text(encoding="utf-8"), name)
    if case is not None:
        _write(case, (_TEMPLATES / f"{kind}.md.txt").read_text(encoding="utf-8"), name)


def _places(kind: registry.Kind, name: str) -> tuple[Path, Path | None]:
    """Where the code goes, and the cases; None for a kind that has no literate cases."""
    root = project_root(Path.cwd())
    file = f"{name.replace('-', '_')}.py"
    has_cases = (_TEMPLATES / f"{kind.name}.md.txt").is_file()
    package = root / "src" / Path(*kind.package.split("."))
    if (root / "src" / "labhand" / "core" / "registry.py").is_file():
        return package / file, root / "cases" / kind.verb / f"{name}.md" if has_cases else None
    home = Store.at(root).home
    return (
        home / kind.folder / file,
        home / "cases" / kind.verb / f"{name}.md" if has_cases else None,
    )


def _write(path: Path, template: str, name: str) -> None:
    title = name.replace("-", " ").capitalize()
    text = template.replace("{{name}}", name).replace("{{title}}", title)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{looks.from_here(path)} cannot be written: {error.strerror}; make its folder writable"
        ) from error
    click.echo(looks.from_here(path))
