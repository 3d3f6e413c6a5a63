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
    reports = sorted((place / ".labhand" / "runs").glob("*/report.html"))
    click.echo(f"\nTo look at the last report, open {reports[-1] if reports else place}")
    return worst


def _choose() -> tuple[str, str, str]:
    """The example that the packages at hand allow, why, and the setting that ruins it."""
    packages = {"torch": "torch", "sklearn": "scikit-learn"}
    missing = [name for module, name in packages.items() if not importlib.util.find_spec(module)]
    if not missing:
        return "digits", "a PyTorch network on handwritten digits", "lr=1e4"
    absent = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed"
    return "bigram", f"a small language model in numpy, since {absent}", "lr=1e6"


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
