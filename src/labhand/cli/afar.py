"""A command that is carried out as a job on a Ray cluster, and looks from here as if it ran here."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from labhand.cli.elsewhere import followed
from labhand.cli.terminal import Terminal
from labhand.core.store import Store
from labhand.launch import Job, start
from labhand.launch.distant import Distant


def carried(context: click.Context) -> int:
    """The exit code of the same command as a job of Ray. Blocks; shows what it says.

    Raises:
        UsageError: Ray is missing or refuses.
        InputError: Ray does not answer.
    """
    home = Store.at(Path.cwd()).home
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ray-", dir=home) as place:
        verb = str(context.info_name)
        job = Job(
            command=[sys.executable, "-m", "labhand", verb, *_words(context)],
            cwd=str(Path.cwd()),
            env=dict(os.environ),
            attempt_dir=place,
            name=f"labhand-{verb}",
        )
        process = start(job, "ray")
        assert isinstance(process, Distant)
        return followed(process, Terminal())


def _words(context: click.Context) -> Iterator[str]:
    """The words of a command line that say what this one said."""
    for parameter in context.command.params:
        value: Any = context.params.get(str(parameter.name))
        if value is None or value == () or value == parameter.default:
            continue
        values = value if isinstance(value, tuple) else (value,)
        for one in values:
            if isinstance(parameter, click.Option):
                yield parameter.opts[0]
            yield str(one)
