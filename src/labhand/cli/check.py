"""`labhand check`: bugs and suspicious logic in research code."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from labhand.cli import looks
from labhand.core.errors import InputError
from labhand.core.finding import Severity
from labhand.core.store import Store, project_root

if TYPE_CHECKING:
    from labhand.core.finding import Findings, Safety
    from labhand.cycle.probing import Looked


class _WithCommand(click.Command):
    """Keeps what follows `--` apart from the paths, where it is a command to be probed."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        if "--probe" in args[:end]:
            ctx.meta["command"] = args[end + 1 :]
            args = args[:end]
        return super().parse_args(ctx, args)


@click.command(
    cls=_WithCommand,
    epilog="Example: labhand check train.py --select grad-zero-missing --diff",
)
@click.argument("paths", metavar="[PATH ...]", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "sarif", "github"]), default="text",
    show_default=True,
    help="Text, one JSON document (labhand.findings/1), SARIF 2.1.0, or GitHub annotations.",
)  # fmt: skip
@click.option("--select", metavar="RULES", multiple=True, help="Only these rules.")
@click.option("--ignore", metavar="RULES", multiple=True, help="Not these rules.")
@click.option("--fix", is_flag=True, help="Apply the fixes that leave the science alone.")
@click.option("--unsafe-fixes", is_flag=True, help="Apply also those that change results.")
@click.option("--diff", is_flag=True, help="Show what the fixes would change; write nothing.")
@click.option("--since", metavar="REV", help="Only what was not there in a git revision.")
@click.option(
    "--baseline", metavar="FILE", type=click.Path(path_type=Path),
    help="Only what is not in FILE, which `--format json` has written.",
)  # fmt: skip
@click.option(
    "--probe", is_flag=True,
    help="Run the COMMAND after `--` for a few steps, and prove or drop findings by what it shows.",
)  # fmt: skip
@click.option("--statistics", is_flag=True, help="Only how often each rule found something.")
@looks.fail_on
def check(
    paths: tuple[Path, ...],
    form: str,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    fix: bool,
    unsafe_fixes: bool,
    diff: bool,
    since: str | None,
    baseline: Path | None,
    probe: bool,
    statistics: bool,
    fail_on: Severity,
) -> int:
    """Check research code for bugs and suspicious logic.

    PATH is a Python file, a notebook or a folder; without one, the whole project is checked. Nothing
    of the code is imported or run. `# labhand: ignore[RULE] reason` silences a line, or, above the
    first code, a file. With --diff alone, the fixes of both kinds are shown.

    To begin with old code: `labhand check --format json > known.json`, then `labhand check --baseline
    known.json` tells what is new; a finding is known by its code, not by its line.

    `labhand check --probe -- python train.py` runs the command for its first steps, 3 minutes at most, in a
    copy of the project without network, and tells what code alone cannot: only then anything is run.
    """
    root = project_root(Path.cwd())
    looked = _looked(root) if probe else None

    def look() -> "Findings":
        return _found(
            paths, root, looks.names(select), looks.names(ignore), since, baseline, looked
        )

    findings = look()
    safeties: list[Safety] = ["neutral", "scientific"] if unsafe_fixes or not fix else ["neutral"]
    if diff:
        _show_diff(findings, root, safeties)
    elif fix or unsafe_fixes:
        count = _mend(findings, root, safeties)
        findings = look()
        click.echo(f"{looks.counted(count, 'file')} mended", err=True)
    if not diff:
        click.echo(_shown(findings, form, root, statistics))
    return looks.exit_code(findings, fail_on)


def _found(
    paths: tuple[Path, ...],
    root: Path,
    select: list[str],
    ignore: list[str],
    since: str | None,
    baseline: Path | None,
    looked: "Looked | None",
) -> "Findings":
    from labhand.check import Facts, measured
    from labhand.check import check as look
    from labhand.kit import configuration

    settings = configuration.read(root)
    if baseline is None and settings.baseline:
        baseline = root / settings.baseline
    found = look(
        paths,
        root=root,
        home=Store.at(root).home,
        select=select or settings.select,
        ignore=[*settings.ignore, *ignore],
        per_file=settings.per_file_ignores,
        since=since,
        baseline=baseline,
        measured=measured(Facts(looked.events)) if looked else None,
    )
    if looked is not None:
        found.summary["probe"] = {
            "steps": looked.steps, "seconds": looked.seconds, "held": looked.held,
            "trouble": looked.trouble or None,
        }  # fmt: skip
    return found


def _looked(root: Path) -> "Looked":
    """What the probe sees of the command after `--`."""
    from labhand.cycle.probing import probe

    command = click.get_current_context().meta["command"]
    return probe(command, Path.cwd(), Store.at(root).home)


def _mend(findings: "Findings", root: Path, safeties: "list[Safety]") -> int:
    from labhand.check import mend

    changed = mend(findings.findings, root, safeties)
    for path, text in changed.items():
        try:
            with path.open("w", encoding="utf-8", newline="") as file:
                file.write(text)
        except OSError as error:
            raise InputError(
                f"{path} cannot be written: {error.strerror}; make it writable and fix again"
            ) from error
    return len(changed)


def _show_diff(findings: "Findings", root: Path, safeties: "list[Safety]") -> None:
    from labhand.check import mend
    from labhand.check.patches import read, unified

    for path, text in mend(findings.findings, root, safeties).items():
        shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
        click.echo(unified(shown, read(path), text), nl=False)


def _shown(findings: "Findings", form: str, root: Path, statistics: bool) -> str:
    if form == "json":
        return looks.document(findings)
    from labhand.cli import check_reports, check_text

    if form == "sarif":
        return looks.document(check_reports.sarif(findings, root))
    if form == "github":
        return "\n".join(check_reports.annotations(findings, root))
    page = check_text.Page(findings, root, Store.at(root).home)
    return "\n".join(page.statistics() if statistics else page.lines())
