"""`labhand doctor`: whether labhand and its record are well."""

import importlib.util
import shutil
import sys
from pathlib import Path

import click

from labhand import __version__
from labhand.core import registry
from labhand.core.store import Store, project_root


@click.command(epilog="Example: labhand doctor --rebuild")
@click.option(
    "--rebuild",
    is_flag=True,
    help="Rebuild the catalog from the run folders, and let go of the code of deleted runs.",
)
def doctor(rebuild: bool) -> int:
    """Look at the installation, the extensions and the record; exit code 1 where something is off."""
    from labhand.kit.configuration import read

    store = Store.at(Path.cwd())
    root = project_root(Path.cwd())
    read(root)
    _line(True, f"labhand {__version__}, Python {sys.version.split()[0]}")
    _line(
        shutil.which("git") is not None,
        "git is there: code is kept as git trees",
        "git is not on PATH: code is kept as copies",
    )
    gpus = shutil.which("nvidia-smi") is None or importlib.util.find_spec("pynvml") is not None
    _line(
        gpus,
        "GPUs are measured where there are any",
        "there is a GPU and no nvidia-ml-py: pip install 'labhand[gpu]'",
    )
    well = _extensions(store.home)
    _places(store.home)
    return 0 if _record(store, root, rebuild) and well else 1


def _extensions(home: Path) -> bool:
    well = True
    for kind in registry.KINDS:
        loaded, broken = registry.load_all(kind, home)
        _line(True, f"{len(loaded)} {kind}{'s' if len(loaded) != 1 else ''}")
        for one in broken:
            well = False
            place = f"{one.extension.origin}: {one.extension.target}"
            _line(False, "", f"the {kind} `{one.extension.name}` is left out ({place}): {one.why}")
    return well


def _places(home: Path) -> None:
    """Where runs can be carried, and why not elsewhere: that is nothing off, and told dim."""
    loaded, _ = registry.load_all("launcher", home)
    troubles = {
        name: launcher().trouble() if hasattr(launcher, "trouble") else ""
        for name, launcher in loaded.items()
    }
    _line(True, f"runs can go to: {', '.join(name for name, why in troubles.items() if not why)}")
    for name, why in troubles.items():
        if why:
            click.echo(click.style(f"· not to {name}: {why}", dim=True))


def _record(store: Store, root: Path, rebuild: bool) -> bool:
    if not store.home.exists():
        _line(True, f"no record yet; the first run makes {store.home}")
        return True
    from labhand.cycle.settle import rebuild as rebuilt

    count, problems = rebuilt(store, root, write=rebuild)
    done = "; the catalog is rebuilt" if rebuild else ""
    _line(True, f"{count} run{'s' if count != 1 else ''} in {store.home}{done}")
    for problem in problems:
        _line(False, "", problem)
    return not problems


def _line(good: bool, well: str, ill: str = "") -> None:
    mark = click.style("✓", fg="green") if good else click.style("!", fg="yellow", bold=True)
    click.echo(f"{mark} {well if good else ill}")
