"""`labhand watch`: replay a log."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from labhand.cli import looks
from labhand.core.errors import UsageError
from labhand.core.finding import Severity
from labhand.core.store import Store, project_root

if TYPE_CHECKING:
    from labhand.core.finding import Finding, Findings


@click.command(epilog="Example: labhand watch runs/events.out.tfevents.* --fail-on error")
@click.argument(
    "files", metavar="FILE ...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="Text, or one JSON document (labhand.findings/1).",
)  # fmt: skip
@click.option(
    "--role", "said", metavar="METRIC=ROLE", multiple=True,
    help="What a metric is, where its name does not tell: --role obj=train-loss.",
)  # fmt: skip
@click.option("--select", metavar="NAMES", multiple=True, help="Only these detectors.")
@click.option("--ignore", metavar="NAMES", multiple=True, help="Not these detectors.")
@looks.fail_on
def watch(
    files: tuple[Path, ...],
    form: str,
    said: tuple[str, ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    fail_on: Severity,
) -> int:
    """Replay logs strictly online, row by row, and tell what watching them live would have told.

    FILE is any log: tfevents, CSV, JSONL, Parquet, trainer_state.json, a .wandb file, a trackio or
    MLflow store, what a script printed, or a folder of these.
    """
    from labhand.kit import configuration
    from labhand.watch import replay

    findings = replay(
        files,
        configuration.read(project_root(Path.cwd())).roles | _roles(said),
        select=looks.names(select) or None,
        ignore=looks.names(ignore),
        home=Store.at(Path.cwd()).home,
    )
    if form == "json":
        click.echo(looks.document(findings))
    else:
        click.echo("\n".join(_text(findings)))
    return looks.exit_code(findings, fail_on)


def _roles(said: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for pair in said:
        metric, equals, role = pair.rpartition("=")
        if not (equals and metric and role):
            raise UsageError(f"`--role {pair}` says no role; write METRIC=ROLE, as loss=train-loss")
        found[metric] = role
    return found


def _text(findings: "Findings") -> list[str]:
    lines: list[str] = []
    runs = findings.summary["runs"]
    for run, told in runs.items():
        of_run = [f for f in findings.findings if f.where.run == run]
        if len(runs) > 20 and not of_run:
            continue  # of many runs only those with something to tell
        lines.append(click.style(run, bold=True) + f"  {told['rows']:,} rows")
        lines += [f"  assumed: {sentence}" for sentence in told["assumptions"]]
        for finding in of_run:
            lines += _finding(finding)
        if not of_run:
            lines.append("  nothing is off")
        lines.append("")
    lines += [click.style(f"not looked at: {s.rule}: {s.why}", dim=True) for s in findings.skipped]
    incidents, alarms = findings.summary["incidents"], findings.summary["alarms"]
    lines.append(
        f"{looks.counted(incidents, 'incident')} in {looks.counted(len(runs), 'run')}; "
        f"a person would have been told of {alarms or 'none'}"
    )
    return lines


def _finding(finding: "Finding") -> list[str]:
    alarm = click.style(" alarm", fg="red", bold=True) if finding.alarm is True else ""
    state = "" if finding.state == "closed" else f" {finding.state}"
    at = "" if finding.opened_step is None else f" step {finding.opened_step}"
    head = looks.by_gravity(finding.severity, f"{looks.MARKS[finding.severity]} {finding.rule}")
    lines = [f"  {head}{at}{state}{alarm}", f"      {finding.message}"]
    if finding.severity != "note":
        lines.append(f"      → {finding.advice}")
    return lines
