"""Arrow: IPC files and streams, Feather, and the streams that HF datasets write."""

from collections.abc import Iterator
from pathlib import Path

from labhand.core.errors import InputError
from labhand.scan.readers import Table

FIRST = b"FEA1"
"""How a Feather file of version 1 begins."""


class Reader:
    """Reads one Arrow or Feather file."""

    def accepts(self, path: Path, head: bytes) -> bool:
        """Whether the file begins as an Arrow file does, or is named so."""
        named = path.suffix.lower() in {".arrow", ".feather", ".ipc"}
        return head.startswith((b"ARROW1", FIRST)) or (bool(head) and named)

    def tables(self, path: Path) -> Iterator[Table]:
        """The one table in the file."""
        yield Table(read_arrow(path))


def read_arrow(path: Path):  # type: ignore[no-untyped-def]
    """The table of an Arrow file or stream.

    Raises:
        InputError: it is neither.
    """
    import polars as pl

    with path.open("rb") as file:
        head = file.read(6)
    if head.startswith(FIRST):
        raise InputError(f"{path} is Feather of version 1; write it anew as version 2 or Parquet")
    is_file = head == b"ARROW1"
    try:
        return pl.scan_ipc(path, glob=False) if is_file else pl.read_ipc_stream(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        told = str(error).split("\n")[0]
        raise InputError(f"{path} is a damaged Arrow file: {told}; write it anew") from error
