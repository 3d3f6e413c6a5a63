"""`labhand rule`: the documentation of an extension."""

from pathlib import Path

import click

from labhand.core import registry
from labhand.core.errors import UsageError
from labhand.core.store import Store


@click.command(epilog="Example: labhand rule grad-zero-missing")
@click.argument("name", required=False)
@click.option("--list", "listing", is_flag=True, help="List everything that has documentation.")
def rule(name: str | None, listing: bool) -> None:
    """Print the documentation of a rule, detector, failure, fixer, launcher, reader or agent."""
    from labhand.kit import cases

    home = Store.at(Path.cwd()).home
    if listing:
        for line in _list(home):
            click.echo(line)
        return
    if name is None:
        raise UsageError("say which rule, or `labhand rule --list` for all of them")
    for extension in registry.named(name, home):
        click.echo(
            f"{click.style(extension.name, bold=True)} ({extension.kind.name}, {extension.origin})"
        )
        click.echo(f"\n{cases.documentation(extension).strip()}")


def _list(home: Path) -> list[str]:
    from labhand.kit import cases

    lines: list[str] = []
    for kind in registry.KINDS:
        found = registry.extensions(kind, home)
        if not found:
            continue
        lines.append(click.style(f"{kind}s", bold=True))
        width = max(len(e.name) for e in found)
        for extension in found:
            told = cases.summary(cases.documentation(extension))
            lines.append(f"  {extension.name:<{width}}  {told}")
    return lines
