"""`labhand watch`: replay a log."""

from pathlib import Path

import click

from labhand.cli import looks
from labhand.core.errors import UsageError
from labhand.core.finding import Severity
from labhand.core.store import Store, project_root
from labhand.watch.calibration import BUDGET


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
@click.option(
    "--alarms-per-1000", "budget", metavar="N", type=click.FloatRange(min=0, min_open=True),
    default=BUDGET, show_default=True,
    help="How many healthy runs of a thousand may be told of as if they were not.",
)  # fmt: skip
@looks.fail_on
def watch(
    files: tuple[Path, ...],
    form: str,
    said: tuple[str, ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    budget: float,
    fail_on: Severity,
) -> int:
    """Replay logs strictly online, row by row, and tell what watching them live would have told.

    FILE is any log: tfevents, CSV, JSONL, Parquet, trainer_state.json, a .wandb file, a trackio or
    MLflow store, what a script printed, or a folder of these.
    """
    from labhand.cli.watched import Courses, watched
    from labhand.kit import configuration
    from labhand.watch import replay

    courses = Courses() if form == "text" else None
    findings = replay(
        files,
        configuration.read(project_root(Path.cwd())).roles | _roles(said),
        select=looks.names(select) or None,
        ignore=looks.names(ignore),
        home=Store.at(Path.cwd()).home,
        alarms_per_1000=budget,
        see=courses.see if courses else None,
    )
    click.echo(watched(findings, courses) if courses else looks.document(findings))
    return looks.exit_code(findings, fail_on)


def _roles(said: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for pair in said:
        metric, equals, role = pair.rpartition("=")
        if not (equals and metric and role):
            raise UsageError(f"`--role {pair}` says no role; write METRIC=ROLE, as loss=train-loss")
        found[metric] = role
    return found
