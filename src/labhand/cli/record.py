"""`labhand record`: what came from elsewhere into the record."""

from pathlib import Path

import click

from labhand.core.store import Store


@click.group()
def record() -> None:
    """Bring runs that other tools recorded into labhand's record."""


@record.command("import", epilog="Example: labhand record import wandb/run-*/run-*.wandb")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--name", metavar="N", help="A name for the run; the file's name otherwise.")
def import_(paths: tuple[Path, ...], name: str | None) -> None:
    """Import PATHS: tfevents, wandb, trackio, mlflow, CSV, JSONL, trainer_state.json, Parquet."""
    from labhand.cycle.importing import import_log

    store = Store.at(Path.cwd())
    for path in paths:
        for run in import_log(store, path, name):
            points = sum(metric.points for metric in run.metrics.values())
            click.echo(f"{run.name}: {points} points of {len(run.metrics)} metrics from {path}")
