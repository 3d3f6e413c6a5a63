"""Listens to a run beside the face that shows it, and sends what a person elsewhere must know."""

import subprocess
import sys
from collections import deque
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from labhand.core.finding import Finding
from labhand.core.run import Run
from labhand.core.store import Store
from labhand.cycle.request import Face, Status, Through
from labhand.notify.courier import Courier
from labhand.notify.news import News, of_end, of_incident
from labhand.notify.quiet import Quiet


class Notifying(Through):
    """A face that hands everything on and sends news of it. Nothing of it blocks but `ended`."""

    def __init__(
        self,
        face: Face,
        store: Store,
        root: Path,
        run: Run,
        where: list[str],
        on: Collection[str],
        hours: Quiet | None,
    ) -> None:
        super().__init__(face)
        self._store = store
        self._root = root
        self._id, self._name = run.id, run.name
        self._on = on
        self._hours = hours
        self._troubles: deque[str] = deque()
        self._latest: dict[str, News] = {}
        self._courier = Courier(where, store.home, run.id, hours, self._troubles.append)

    def finding(self, finding: Finding) -> None:
        """Shows it, and sends it where a person must be told, or was."""
        super().finding(finding)
        self._tell_of(finding)

    def status(self, status: Status) -> None:
        """Shows it, and what the sending had to say."""
        self._complain()
        super().status(status)

    def ended(self, run: Run) -> None:
        """Sends the end, all in one message. Blocks until it is out: seconds, where a service is down."""
        for finding in run.findings:
            self._tell_of(finding)
        if self._worth(run):
            self._courier.post(of_end(run, self._store.folder(run.id)))
        self.close()
        if self._hours and self._hours.left(datetime.now()) > 0:  # noqa: DTZ005 hours of the place
            self._leave_a_waiter()

    def close(self) -> None:
        """No more news."""
        self._courier.close()
        self._complain()

    def _tell_of(self, finding: Finding) -> None:
        news = of_incident(self._id, self._name, finding) if "alarm" in self._on else None
        if news is not None and self._latest.get(news.key) != news:
            self._latest[news.key] = news
            self._courier.post(news)

    def _worth(self, run: Run) -> bool:
        if run.status == "finished":
            return "finish" in self._on
        if run.status == "stopped":  # whoever stopped it knows; an alarm that did tells its end
            return bool(self._latest)
        crashed = any(f.rule == "crashed" and f.alarm is True for f in run.findings)
        return "failure" in self._on or ("alarm" in self._on and crashed)

    def _complain(self) -> None:
        while self._troubles:
            self.tell(self._troubles.popleft())

    def _leave_a_waiter(self) -> None:
        """A process that outlives this one tells what is held once the quiet hours are over."""
        subprocess.Popen(
            [sys.executable, "-m", "labhand.notify", str(self._store.home), str(self._root)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
