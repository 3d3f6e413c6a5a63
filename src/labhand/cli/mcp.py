"""`labhand mcp`: the tools for a coding agent."""

import sys
from importlib.util import find_spec
from pathlib import Path

import click

from labhand.core.errors import UsageError


@click.group(invoke_without_command=True, epilog="Example: labhand mcp install claude-code")
@click.pass_context
def mcp(context: click.Context) -> None:
    """Serve labhand to a coding agent: checks, scans, runs and comparisons as tools, by MCP.

    The agent starts it and speaks to it over standard input and output; `install` tells the agent
    of it. Needs `pip install 'labhand[mcp]'`.
    """
    if context.invoked_subcommand is not None:
        return
    try:
        from labhand.mcp.server import serve
    except ImportError as error:
        raise UsageError(
            f"the tools for agents need a package that is not there ({error.name}); "
            "`pip install 'labhand[mcp]'` brings it"
        ) from error
    if sys.stdin.isatty():
        click.echo(
            "labhand mcp waits for an agent on standard input; `labhand mcp install` tells agents "
            "of it, Ctrl-C ends it",
            err=True,
        )
    serve(Path.cwd())


@mcp.command(epilog="Example: labhand mcp install claude-code --yes")
@click.argument("agents", metavar="[AGENT ...]", nargs=-1)
@click.option("--print", "only_print", is_flag=True, help="Print the lines; write nothing.")
@click.option("--yes", is_flag=True, help="Write without asking.")
def install(agents: tuple[str, ...], only_print: bool, yes: bool) -> None:
    """Tell AGENT of labhand: claude-code, codex, cursor, gemini, opencode or vscode.

    Shows what would be added to the agent's configuration and asks; what stands there stays. Without
    AGENT: those that seem to be in use in this project.
    """
    from labhand.core.store import project_root
    from labhand.mcp import install as known

    root = project_root(Path.cwd())
    chosen = [known.agent(name) for name in agents or known.here(root)]
    if not chosen:
        raise UsageError(f"say which agent: one of {', '.join(known.AGENTS)}")
    for to in chosen:
        if only_print:
            click.echo(f"{to.title}, in {to.where(root)}:", err=True)
            click.echo(known.snippet(to, root), nl=False)
            continue
        change = known.change(to, root)
        if change.after == change.before:
            click.echo(f"{to.title} knows labhand already: {change.path}")
            continue
        click.echo(change.diff(), nl=False)
        if yes or _agreed(f"write this for {to.title}?"):
            known.write(change)
            click.echo(f"{to.title} knows labhand: {change.path}")
        else:
            click.echo("nothing changed")
    if find_spec("mcp_types") is None:
        click.echo("labhand: the server needs `pip install 'labhand[mcp]'`", err=True)


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError(f"{question} there is no terminal to ask in: add `--yes`, or `--print`")
    return click.confirm(question)
