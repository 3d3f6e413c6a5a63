"""A signal that ended the training."""

import re
import signal

from labhand.core import run
from labhand.launch.job import Evidence

_STORIES = {
    "SIGKILL": ("it was killed from outside", "look who killed it; the kernel does for memory"),
    "SIGTERM": ("it was asked to end", "a scheduler's time limit or a person; run it again"),
    "SIGHUP": ("its terminal was closed", "run it with `labhand run`, which outlives a terminal"),
    "SIGXCPU": ("it used up its CPU time limit", "raise the limit (`ulimit -t`) or ask for more"),
    "SIGXFSZ": ("it wrote a file beyond the size limit", "raise the limit (`ulimit -f`)"),
    "SIGUSR1": ("a scheduler's warning signal ended it", "run it again with a longer limit"),
    "SIGUSR2": ("a scheduler's warning signal ended it", "run it again with a longer limit"),
    "SIGSEGV": (
        "native code read memory that is not its own",
        "set PYTHONFAULTHANDLER=1 to see where",
    ),
    "SIGBUS": ("memory it used was not there", "shared memory (/dev/shm) or the disk may be full"),
    "SIGABRT": ("native code gave up", "read the last lines it printed"),
    "SIGILL": ("it met an instruction this CPU lacks", "install a build for this CPU"),
    "SIGFPE": ("native code divided by zero", "set PYTHONFAULTHANDLER=1 to see where"),
    "SIGPIPE": ("what read its output ended first", "let the reader read to the end"),
}
_SAID = re.compile(
    r"(?:^|: line \d+:\s+\d+ |^\[\d+\]\s+\d+ )(?P<word>Killed|Terminated|Segmentation fault|Aborted|"
    r"Bus error|Illegal instruction)\b|exitcode\s*: (?P<code>-\d+) \(pid|\(exit code: -9\)|"
    r"oom[-_ ]kill|Out of memory: Killed process|DUE TO (?:TIME LIMIT|PREEMPTION)",
)
_WORDS = {
    "Killed": "SIGKILL",
    "Terminated": "SIGTERM",
    "Segmentation fault": "SIGSEGV",
    "Aborted": "SIGABRT",
    "Bus error": "SIGBUS",
    "Illegal instruction": "SIGILL",
}


class Failure:
    """A signal ended the training: the memory killer, a scheduler, a crash in native code.

    ## What it does
    Reads the signal from the exit code, or from what a shell or torchrun says of its child, and asks
    the control group whether the kernel killed for memory meanwhile.

    ## Known problems
    On a machine without readable control groups the memory killer leaves no trace but SIGKILL.

    ## Example
    exit code 137, `train.sh: line 3: 4242 Killed   python train.py`

    ## References
    The Linux kernel documentation, "Control Group v2", `memory.events`.
    """

    order = 60  # after what the output says of the reason

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with the signal and whether the kernel killed for memory."""
        said = next((line for line in reversed(evidence.lines) if _SAID.search(line)), "").strip()
        name = _signal_name(evidence, said)
        if name is None or _has_its_own_reason(evidence):
            return None
        story, advice = _STORIES.get(name, ("a signal ended it", "look who sent it"))
        facts: dict[str, object] = {"signal": name, "advice": advice}
        if said:
            facts["said"] = said
        if name == "SIGKILL" and (evidence.oom_kills or re.search(r"oom|Out of memory", said)):
            story = "the kernel killed it because memory ran out"
            facts["advice"] = "smaller batches, fewer loader workers, or a machine with more memory"
            facts["oom_kill"] = True
        number = int(getattr(signal, name))
        return run.Failure("killed", f"{story} ({name}, exit code {128 + number})", facts)


def _has_its_own_reason(evidence: Evidence) -> bool:
    """Whether Python got to say why it ended; a signal that ended it leaves no time for that."""
    raised = evidence.raised
    return evidence.signal is None and raised is not None and not raised.second_hand


def _signal_name(evidence: Evidence, said: str) -> str | None:
    code = evidence.exit_code or 0
    number = evidence.signal or (code - 128 if 128 < code < 128 + 65 else 0)
    found = _SAID.search(said)
    if found and found["code"]:
        number = -int(found["code"])
    if number:
        try:
            return signal.Signals(number).name
        except ValueError:
            return None
    if not found:
        return None
    return _WORDS.get(found["word"] or "", "SIGTERM" if "DUE TO" in said else "SIGKILL")
