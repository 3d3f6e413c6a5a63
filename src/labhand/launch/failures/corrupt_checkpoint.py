"""A file that is cut short or damaged."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import Said, called, said

_TEXT = re.compile(
    r"PytorchStreamReader failed|PytorchStreamReader: |unexpected EOF|invalid load key|[Ff]ile is not a zip file|BadZipFile"
    r"|Ran out of input|pickle data was truncated|HeaderTooLarge|HeaderTooSmall|MetadataIncompleteBuffer|InvalidHeader"
    r"|(?:incomplete metadata|invalid UTF-8 in header|invalid JSON in header|header too (?:large|small))\b"
    r"|invalid hash value|[Cc]hecksum (?:mismatch|does not match|failed)|(?:sha256|md5|SHA-?1)[^\n]*(?:mismatch|does not match|differs)"
    r"|Error -3 while decompressing|[Nn]ot a gzipped file|truncated file|file signature not found|CRC check failed|Bad CRC-32"
    r"|Compressed file ended before the end-of-stream|Failed to interpret file|(?i:corrupt(?:ed)?) (?:file|archive|checkpoint|data|zip|deflate)"
    r"|(?i:checkpoint|file|archive|download)[^\n]{0,60}(?i:is corrupt|corrupted|truncated|damaged|torn)\b|Consistency check failed|Truncated (?:zip|tar|File)"
    r"|unpickling stack underflow|cannot reshape array of size \d+ into shape[^\n]*npy|EOF: reading array (?:header|data)|Magic string is not correct"
    r"|Parquet magic bytes not found|image file is truncated|[Uu]nexpected end of (?:file|data|JSON)|could not find MARK"
)
_PARSING = re.compile(
    r"JSONDecodeError|UnpicklingError|EOFError|msgpack\.exceptions|UnicodeDecodeError"
)
_ARGUMENT = re.compile(r"^OSError: \[Errno 22\] Invalid argument")
"""What torch says of a zip archive that ends before its directory."""
_STATE = ("ckpt", "checkpoint", "resume", "restore", "load_state", "snapshot")
_FILE = re.compile(
    r"['\" (](?P<path>(?:[\w.~-]*/)*[\w.-]+\.(?:pt|pth|ckpt|bin|safetensors|npz?|pkl|pickle|h5|hdf5|keras|joblib|zip|gz|tar|json|msgpack|parquet))\b"
)


class Failure:
    """A file that was to be read is cut short or damaged.

    ## What it does
    Recognises torn checkpoints, archives, pickles and downloads, and finds the path where it is
    told.

    ## Known problems
    The texts differ from version to version; one that is not known stays unknown.

    ## Example
    `RuntimeError: PytorchStreamReader failed reading zip archive: failed finding central directory`

    ## References
    The Python documentation, zipfile, `BadZipFile`.
    """

    order = 35

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with the file in `evidence["path"]`, where it is told."""
        found = said(evidence, _TEXT)
        if found is not None and found.error is not None and found.error.type.startswith("Unicode"):
            return None  # whole, and in another encoding
        if found is None:
            found = said(evidence, _PARSING) or said(evidence, _ARGUMENT)
            if found is None or not called(found.error, *_STATE, "torch/serialization"):
                return None
        path = _path(found)
        message = f"{path or 'a file that was to be read'} is cut short or damaged"
        advice = "use an older checkpoint, or fetch the file again; write to another name first and rename it"
        return run.Failure(
            "corrupt-checkpoint", message, {**found.facts, "path": path, "advice": advice}
        )


def _path(found: Said) -> str:
    told = _FILE.search(f" {found.text}")
    if told:
        return told["path"]
    for frame in reversed(found.error.frames if found.error is not None else []):
        values = [f" {value}" for value in frame.values.values()]
        for text in (*values, frame.code):
            told = _FILE.search(text)
            if told:
                return told["path"]
    return ""
