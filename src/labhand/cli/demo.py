"""`labhand demo`: the main job on a training that is bundled."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import click

from labhand.core.errors import InputError

EXAMPLES = Path(__file__).parent.parent / "examples"


@click.command(epilog="Example: labhand demo")
@click.argument("folder", default="labhand-demo", type=click.Path(path_type=Path))
def demo(folder: Path) -> int:
    """Run a bundled training twice in FOLDER: once as it is, once with a setting that ruins it.

    The first run meets a missing folder and mends it; the second diverges and is told at once.
    """
    name, why, ruin = _choose()
    place = _lay_out(name, folder)
    click.echo(f"{name}: {why}")
    os.chdir(place)
    worst = 0
    for extra in ([], ["--set", ruin]):
        arguments = ["run", *extra, "--", Path(sys.executable).name, "train.py"]
        click.echo(click.style(f"\n$ labhand {' '.join(arguments)}", bold=True))
        worst = max(worst, _labhand(arguments))
    click.echo(f"\nThe runs lie in {place}. Next: `labhand -C` there, or `labhand run` at home.")
    return worst


def _choose() -> tuple[str, str, str]:
    """The example that the packages at hand allow, why, and the setting that ruins it."""
    has = {name: importlib.util.find_spec(name) is not None for name in ("torch", "sklearn")}
    if has["torch"] and has["sklearn"]:
        return "digits", "a PyTorch network on handwritten digits", "lr=1e4"
    missing = " and ".join(
        {"torch": "torch", "sklearn": "scikit-learn"}[name]
        for name, there in has.items()
        if not there
    )
    if has["sklearn"]:
        return (
            "boosting",
            f"gradient boosting on handwritten digits ({missing} is not installed)",
            "lr=30",
        )
    return "bigram", f"a small language model in numpy ({missing} is not installed)", "lr=1e6"


def _lay_out(name: str, folder: Path) -> Path:
    place = folder.absolute()
    try:
        place.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(place / "out", ignore_errors=True)
        shutil.copy(EXAMPLES / name / "train.py", place / "train.py")
        (place / "labhand.toml").touch()
    except OSError as error:
        raise InputError(
            f"{place} cannot be written: {error.strerror}; give another folder: labhand demo FOLDER"
        ) from error
    return place


def _labhand(arguments: list[str]) -> int:
    import subprocess

    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return subprocess.call(
        [sys.executable, "-m", "labhand", *arguments], env={**os.environ, "PATH": path}
    )
