"""A command that goes on while others are done, with the last of its output at hand."""

import asyncio
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from labhand.kit import child


class Terminal:
    """A command in a session of its own; output and errors in one, the last `most_bytes` of it kept."""

    def __init__(
        self, command: Sequence[str], cwd: Path, env: Mapping[str, str], most_bytes: int
    ) -> None:
        self._process = child.started(
            command, cwd, env, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )
        assert self._process.stdout is not None
        self._tail = child.Tail(self._process.stdout, most_bytes)

    def output(self) -> tuple[str, bool]:
        """What it said last, and whether something before that is left out."""
        return self._tail.text(), self._tail.cut

    def ended(self) -> int | None:
        """Its exit code, below zero the signal that ended it; None: it still runs."""
        return self._process.poll()

    async def wait(self) -> int:
        """Its exit code, once it ended and all it said was read."""
        code = await asyncio.to_thread(self._process.wait)
        await asyncio.to_thread(self._tail.finish)
        return code

    def close(self) -> None:
        """Ends it, with all it started. Twice does no harm."""
        child.end(self._process)
        if self._process.stdout is not None:
            self._tail.finish()
            self._process.stdout.close()
