"""HF datasets on disk: a folder made by `save_to_disk`, with or without splits."""

import json
from collections.abc import Iterator
from pathlib import Path

from labhand.core.errors import InputError
from labhand.scan.readers import Table
from labhand.scan.readers.arrow import read_arrow


class Reader:
    """Reads a dataset, or a dict of datasets, each the Arrow files that its state names."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether the folder was made by `save_to_disk`."""
        names = ("dataset_dict.json", "state.json")
        return path.is_dir() and any((path / name).is_file() for name in names)

    def tables(self, path: Path) -> Iterator[Table]:
        """One table a split."""
        import polars as pl

        splits: list[str | None] = [None]
        if (path / "dataset_dict.json").is_file():
            splits = json.loads((path / "dataset_dict.json").read_bytes())["splits"]
        for split in splits:
            folder = path / split if split else path
            try:
                state = json.loads((folder / "state.json").read_bytes())
            except (OSError, ValueError) as error:
                raise InputError(
                    f"{folder} lacks a state.json that can be read: {error}"
                ) from error
            files = [folder / f["filename"] for f in state["_data_files"]]
            frames = [read_arrow(file).lazy() for file in files]
            yield Table(pl.concat(frames, how="vertical_relaxed"), split=split)
