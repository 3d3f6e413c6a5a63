"""The text of a file as UTF-8, whatever it is packed in and however it is encoded."""

import bz2
import codecs
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from labhand.core.errors import InputError

PACKED: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
}
SUFFIXES = {*PACKED, ".zst"}
"""How a packed file is named, after the suffix of what is in it."""
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


LEAST = 1 << 16
"""Bytes of the smallest piece."""


class Content(NamedTuple):
    """The bytes as UTF-8 with line feeds between lines, what they were, and the lines that were not so.

    `encoding` is `utf-8`, `utf-16`, `utf-32`, `windows-1252` (no line is other than ASCII in UTF-8) or
    `mixed`; `bad` are the lines, from 0, that hold bytes which are no UTF-8; `zeros` counts bytes of
    value 0, which are left out.
    """

    text: bytes
    encoding: str
    bad: list[int]
    zeros: int = 0

    @property
    def troubles(self) -> list[str]:
        """What is off with the bytes, a sentence each."""
        made = []
        if self.zeros:
            made.append(f"{self.zeros:,} bytes of value 0 stand in the text; they were left out")
        if self.bad:
            lines = "line holds" if len(self.bad) == 1 else "lines hold"
            made.append(
                f"{len(self.bad):,} {lines} bytes that are no UTF-8 (the first: line "
                f"{self.bad[0] + 1}); read as windows-1252"
            )
        return made


_CONTROLS = bytes(range(9)) + bytes(range(14, 32))


def inner(path: Path) -> str:
    """The suffix of what is in a file, in lower case: `.csv` of `a.csv.gz`."""
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] in SUFFIXES:
        return suffixes[-2] if len(suffixes) > 1 else ""
    return suffixes[-1] if suffixes else ""


def is_text(head: bytes) -> bool:
    """Whether a file that begins so may be text: hardly a byte stands for no character."""
    odd = len(head) - len(head.translate(None, _CONTROLS))
    return bool(head) and (odd <= 0.02 * len(head) or _utf_16(head) is not None)


def content(path: Path) -> Content:
    """The text of a file, unpacked and in UTF-8.

    Raises:
        InputError: it is packed and damaged.
    """
    return decoded(_unpacked(path))


def pieces_of(path: Path, size: int) -> Iterator[bytes] | None:
    """The file in pieces of about `size` bytes that end with a record; None where it must be read whole."""
    with path.open("rb") as file:
        if _utf_16(file.read(4096)):
            return None
    return _pieces(path, max(size, LEAST))


def _pieces(path: Path, size: int) -> Iterator[bytes]:
    rest = b""
    with path.open("rb") as file:
        while some := file.read(size):
            whole = rest + some
            end = _last_end(whole)
            if end:
                yield whole[:end]
            rest = whole[end:]
    if rest:
        yield rest


def _last_end(whole: bytes) -> int:
    """Where the last line ends that ends outside of quotes; of many within quotes, the last of any."""
    at = last = whole.rfind(b"\n")
    for _ in range(100):
        if at < 0 or not whole.count(b'"', 0, at) % 2:
            return at + 1
        at = whole.rfind(b"\n", 0, at)
    return last + 1


def _unpacked(path: Path) -> bytes:
    suffix = path.suffix.lower()
    if suffix == ".zst":
        return _zstd(path)
    raw = path.read_bytes()
    if suffix not in PACKED:
        return raw
    try:
        return PACKED[suffix](raw)
    except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
        told = str(error).rstrip(".")
        raise InputError(
            f"{path} is no whole {suffix} file: {told}; copy it anew, or name it as what it is"
        ) from error


def _zstd(path: Path) -> bytes:
    import polars as pl

    try:
        return unzstd(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        told = str(error).split("\n")[0]
        raise InputError(f"{path} is no whole .zst file: {told}; copy it anew") from error


def unzstd(packed: Path | bytes) -> bytes:
    """The text in a file, or in bytes, that Zstandard packed; raises an error of polars where it is damaged."""
    import polars as pl

    # Python before 3.14 has no zstd, polars has; a separator that no text holds keeps lines whole
    whole: dict[str, Any] = {"separator": "\x01", "quote_char": None, "has_header": False}
    lines = pl.read_csv(packed, infer_schema=False, encoding="utf8-lossy", **whole).to_series()
    return "\n".join(lines.fill_null("")).encode()


def decoded(raw: bytes) -> Content:
    """Bytes of whatever encoding as UTF-8."""
    if name := _utf_16(raw[:4096]):
        text = raw.decode(name, errors="replace").removeprefix("\ufeff")
        return Content(_lines(text.encode()), name.removesuffix("-le").removesuffix("-be"), [])
    raw = raw.removeprefix(codecs.BOM_UTF8)
    zeros = raw.count(0)
    raw = _lines(raw.replace(b"\0", b"") if zeros else raw)
    try:
        codecs.utf_8_decode(raw)
    except UnicodeDecodeError:
        return _mixed(raw, zeros)
    return Content(raw, "utf-8", [], zeros)


def _mixed(raw: bytes, zeros: int) -> Content:
    lines, bad, others = raw.split(b"\n"), [], False
    for number, line in enumerate(lines):
        if line.isascii():
            continue
        try:
            line.decode()
            others = True
        except UnicodeDecodeError:
            bad.append(number)
            lines[number] = line.decode("cp1252", errors="replace").encode()
    return Content(b"\n".join(lines), "mixed" if others else "windows-1252", bad, zeros)


def _utf_16(head: bytes) -> str | None:
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    # without a mark: every second byte of plain words is 0
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half >= 8 and max(even, odd) > 0.7 * half and min(even, odd) < 0.1 * half:
        return "utf-16-le" if odd > even else "utf-16-be"
    return None


def _lines(raw: bytes) -> bytes:
    head = raw[: 1 << 16]
    if b"\r\n" in head:
        return raw.replace(b"\r\n", b"\n")
    return raw.replace(b"\r", b"\n") if b"\r" in head and b"\n" not in head else raw


def is_evaluation(head: bytes) -> bool:
    """Whether a JSON file begins as a log of Inspect does, with what was evaluated before its samples."""
    start = head[:4000]
    named = b'"run_id"' in start or (b'"task"' in start and b'"status"' in start)
    return b'"eval"' in start and named
