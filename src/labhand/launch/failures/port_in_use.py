"""A port that another process holds."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import Said, said

_TEXT = re.compile(
    r"EADDRINUSE|\[Errno (?:98|48)\]|[Aa]ddress already in use|server socket has failed to listen"
    r"|[Pp]ort \d+ is (?:already )?(?:in use|used|taken|occupied)|[Pp]ort(?: \d+)? (?:is )?(?:already )?in use"
    r"|Only one usage of each socket address|Failed to bind to address|[Cc]annot find (?:an )?empty port"
)
_PORT = re.compile(
    r"[Pp]ort:? ?=?(?P<named>\d{2,5})|\('[^']*', (?P<pair>\d{2,5})\)|[\w.\]]:(?P<colon>\d{2,5})\b"
    r"|[Pp]ort\b[^\d\n]{0,12}(?P<after>\d{4,5})"
)
_IN_CODE = re.compile(r"\b(?P<number>\d{4,5})\b")


class Failure:
    """A network port that the training wants is in use.

    ## What it does
    Recognises error 98 of the system and what torch.distributed, web servers and gRPC make of it;
    finds the number of the port.

    ## Known problems
    The texts differ from version to version; one that is not known stays unknown.

    ## Example
    `OSError: [Errno 98] Address already in use`

    ## References
    PyTorch, "torchrun", on --standalone and rendezvous.
    """

    order = 24

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with the number of the port where it is told."""
        found = said(evidence, _TEXT)
        if found is None:
            return None
        port = _port(found, evidence)
        message = f"the port {port or 'it wants'} is in use by another process"
        advice = "choose another port, or end the process that holds it (`ss -ltnp` names it)"
        return run.Failure("port-in-use", message, {**found.facts, "port": port, "advice": advice})


def _port(found: Said, evidence: Evidence) -> int | None:
    number = _PORT.search(found.text)
    if number:
        return int(next(part for part in number.groups() if part))
    for frame in reversed(found.error.frames if found.error is not None else []):
        values = [v for k, v in frame.values.items() if "port" in k.lower()]
        told = [int(value) for value in values if re.fullmatch(r"\d{2,5}", value)]
        told += (
            [int(m["number"]) for m in _IN_CODE.finditer(frame.code)] if not frame.foreign else []
        )
        if told:
            return told[0]
    return None
