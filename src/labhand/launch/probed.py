"""The environment of a training with the probe in it, and one without."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

BOOT = str(Path(__file__).parent.parent / "probe" / "boot")
_LAST = os.path.join("labhand", "probe", "boot")  # noqa: PTH118
_OURS = (
    "LABHAND_ATTEMPT",
    "LABHAND_OVERLAY",
    "LABHAND_KEEPER",
    "LABHAND_FIRST",
    "LABHAND_PIPE",
    "LABHAND_OWN_ATTEMPT",
    "LABHAND_CHANNEL",
    "LABHAND_TRIAL",
)


def probed(env: Mapping[str, str], attempt_dir: str, overlay: Path | None = None) -> dict[str, str]:
    """The environment in which Python records itself as the attempt's training.

    `overlay` is the map of the sources that are to run in place of those on disk.
    """
    made = unprobed(env)
    before = made.get("PYTHONPATH")
    made["PYTHONPATH"] = BOOT if before is None else BOOT + os.pathsep + before
    made["LABHAND_ATTEMPT"] = attempt_dir
    if overlay is not None:
        made["LABHAND_OVERLAY"] = str(overlay)
    return made


def unprobed(env: Mapping[str, str]) -> dict[str, str]:
    """The environment without what would make a Python in it record itself as the training."""
    kept = {name: value for name, value in env.items() if name not in _OURS}
    path = kept.pop("PYTHONPATH", "")
    # an empty entry is the current folder, and stays
    entries = [entry for entry in path.split(os.pathsep) if not entry.endswith(_LAST)]
    return kept | ({"PYTHONPATH": os.pathsep.join(entries)} if path and entries else {})


def write_overlay(folder: Path, overlay: Mapping[str, str]) -> Path:
    """The map to the changed sources, for the probe; both are written beside the attempt."""
    place = folder / "overlay"
    place.mkdir(mode=0o700)
    table: dict[str, str] = {}
    for number, (path, text) in enumerate(overlay.items()):
        changed = place / f"{number}-{Path(path).name}"
        changed.write_text(text, encoding="utf-8")
        table[path] = str(changed)
    index = place / "overlay.json"
    index.write_bytes(msgspec.json.encode(table))
    return index
