"""The far side of a channel: starts the job where it was sent to, and is there for it to its end.

`python -m labhand.launch.far CHANNEL` does it where nothing else hands over the folder.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import msgspec

from labhand.core.errors import LabhandError
from labhand.kit.scrub import Scrubber, Stream
from labhand.launch import channel
from labhand.launch.channel import Frame, Frames
from labhand.launch.job import Job, Output, Process
from labhand.launch.launchers.local import Launcher

LOOK_S = 0.05
"""How often what comes from the other side is looked for."""
GRACE_S = 600.0
"""So long at most a job that is to make room may save; the engine's own grace is shorter."""
Meaning = Literal["room", "taken", "known", "pass"]
_ENGINES = ("SLURM_", "SLURMD_", "SUBMITIT_", "RAY_", "PMI_", "PMIX_")
_PLACES = frozenset(
    "CUDA_VISIBLE_DEVICES GPU_DEVICE_ORDINAL HIP_VISIBLE_DEVICES HOSTNAME ROCR_VISIBLE_DEVICES TMPDIR "
    "XDG_RUNTIME_DIR ZE_AFFINITY_MASK".split()
)
"""Variables that belong to a place: what the engine set there stands."""


def environment(planned: Mapping[str, str], here: Mapping[str, str]) -> dict[str, str]:
    """The environment of a job: as planned, but for what belongs to the place it runs at."""
    told = {name: value for name, value in planned.items() if not _of_place(name)}
    return {**here, **told}


def _of_place(name: str) -> bool:
    return name in _PLACES or name.startswith(_ENGINES)


def carry(
    place: Path,
    here: Mapping[str, str],
    *,
    means: Callable[[int], Meaning] = lambda number: "pass",
    again: Callable[[], None] | None = None,
) -> int:
    """The exit code of the job of a channel, once it has ended. Blocks until then.

    `means` tells what a signal to this process says: the engine wants the place back, so that the
    job is asked to end, has time to save and is put back into the queue by `again` (`room`); the
    engine has asked the job to end, and puts it back itself (`taken`); it has reached the job already
    (`known`); it is for the job (`pass`). Signals are taken where this is called from the main thread.

    Raises:
        OSError: the channel cannot be read or written.
    """
    return _Far(place, here, means, again).carry()


class _Far:
    def __init__(
        self,
        place: Path,
        here: Mapping[str, str],
        means: Callable[[int], Meaning],
        again: Callable[[], None] | None,
    ) -> None:
        planned = channel.plan(place)
        env = environment(planned.env, here) | {channel.VARIABLE: str(place)}
        self.job: Job = msgspec.structs.replace(planned, env=env)
        self.put_back = place / channel.AGAIN_FILE
        self.out = place / "out"
        self.into = Frames(place / "in")
        self.means = means
        self.again = again
        self.came: list[int] = []
        self.leaves: float | None = None
        self.taken = False
        scrubber = Scrubber(self.job.env, self.job.command)
        self.scrubs = {name: Stream(scrubber) for name in ("stdout", "stderr")}
        self.spoke = False

    def carry(self) -> int:
        if self.again is not None:
            self.into.read()  # what was said to the job before it was put back is old
            self.put_back.unlink(missing_ok=True)
        try:
            process = Launcher().start(self.job)
        except LabhandError as error:
            self._send(channel.REFUSED, str(error).encode())
            return error.exit_code
        self._send(
            channel.BEGUN,
            msgspec.json.encode({"pid": process.pid, "host": os.uname().nodename}),
        )
        with self._signals():
            while (end := process.end()) is None:
                self._say(process.read(LOOK_S))
                self._take(process)
        process.close()
        self._say([], last=True)
        if self.leaves is not None and (self.taken or self.again is not None):
            self._send(channel.AGAIN)
            with suppress(OSError):
                if self.again is not None and not self.taken:
                    self.again()
                return 0
        self._send(channel.ENDED, msgspec.json.encode(end))
        return end.exit_code if end.exit_code is not None else 1

    @contextmanager
    def _signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        ours = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

        def came(number: int, frame: Any) -> None:
            self.came.append(number)

        before = {number: signal.signal(number, came) for number in ours}
        before[signal.SIGCONT] = signal.signal(signal.SIGCONT, lambda number, frame: None)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _say(self, outputs: list[Output], *, last: bool = False) -> None:
        """Sends output on, scrubbed; the beginning of a line once nothing more of it comes."""
        kinds = {"stdout": channel.STDOUT, "stderr": channel.STDERR}
        for output in outputs:
            if clean := self.scrubs[output.stream].feed(output.data):
                self._send(kinds[output.stream], clean)
        if outputs and not last:
            self.spoke = True
        elif self.spoke or last:
            self.spoke = False
            for name, stream in self.scrubs.items():
                if clean := stream.flush():
                    self._send(kinds[name], clean)

    def _take(self, process: Process) -> None:
        for frame in self.into.read():
            self._obey(frame, process)
        while self.came:
            number = self.came.pop(0)
            meaning = self.means(number)
            if meaning in ("room", "taken") and self.leaves is None:
                self.leaves = time.monotonic() + GRACE_S
                self.taken = meaning == "taken"
                if self.taken or self.again is not None:
                    self.put_back.touch(mode=0o600)
                if not self.taken:
                    process.signal(signal.SIGTERM)
            elif meaning == "pass":
                process.signal(number)
        if self.leaves is not None and time.monotonic() > self.leaves:
            process.kill()

    def _obey(self, frame: Frame, process: Process) -> None:
        if frame.kind == channel.TYPED:
            process.write(frame.content)
        elif frame.kind == channel.SIGNAL:
            process.signal(int(frame.content))
        elif frame.kind == channel.KILL:
            process.kill()
        elif frame.kind == channel.RESIZE:
            rows, columns = frame.content.split()
            process.resize(int(rows), int(columns))

    def _send(self, kind: bytes, content: bytes = b"") -> None:
        with suppress(OSError):  # a full disk: who looks on sees less, the job is not hurt
            channel.send(self.out, kind, content)


if __name__ == "__main__":
    sys.exit(carry(Path(sys.argv[1]), os.environ))
