"""Delivers in a thread of its own, so that nothing that a service does holds up a run."""

import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from labhand.core import event
from labhand.notify import quiet
from labhand.notify.news import TELLING, News, digest
from labhand.notify.quiet import Held, Quiet
from labhand.notify.services import Service, Undelivered, connect

NOTED = "notified.jsonl"
"""What was sent of a run, in its folder, so that nothing is sent twice whoever carries it."""
RUNS = "runs"
PATIENCE_S = 10.0
"""How long the end of a run waits for a service that is down."""
SLOWEST_S = 300.0
TRIES = 3
"""After so many failures the person is told."""


class Courier:
    """Takes news and sees them delivered: once each, edited where the service can.

    `run` is the run's id. A service that is down is tried again, ever more slowly, and told of once
    by `tell`, which is called from another thread. What comes in quiet hours is held, and told in
    one message after.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        home: Path,
        run: str,
        hours: Quiet | None,
        tell: Callable[[str], None],
    ) -> None:
        self._addresses = addresses
        self._home = home
        self._run = run
        self._hours = hours
        self._tell = tell
        self._came: queue.SimpleQueue[News | None] = queue.SimpleQueue()
        self._posts: list[_Post] = []
        self._thread = threading.Thread(target=self._work, daemon=True, name="labhand-notify")
        self._thread.start()

    def post(self, news: News) -> None:
        """Takes news; returns at once."""
        self._came.put(news)

    def close(self, patience_s: float = PATIENCE_S) -> None:
        """Returns once all is delivered, or held for the next run because a service is down."""
        self._came.put(None)
        self._thread.join(patience_s + 15.0)

    def _work(self) -> None:
        try:
            services, troubles = connect(self._addresses)
            for trouble in troubles:
                self._tell(trouble)
            self._posts = [_Post(service, self._home / RUNS, self._run) for service in services]
            if self._posts:
                self._deliver_until_closed()
        except Exception as error:  # what is only extra never stops a run
            self._tell(f"notifications have failed: {type(error).__name__}")

    def _deliver_until_closed(self) -> None:
        self._release()
        closing = False
        while not closing:
            with suppress(queue.Empty):
                news = self._came.get(timeout=self._pause())
                closing = news is None
                if news is not None:
                    self._take(news)
            self._turn()
        deadline = time.monotonic() + PATIENCE_S
        for post in self._posts:
            post.due = 0.0
        while any(post.waiting for post in self._posts) and time.monotonic() < deadline:
            self._turn()
            time.sleep(0.05)
        self._keep()

    def _pause(self) -> float:
        return 0.2 if any(post.waiting for post in self._posts) else 1.0

    def _take(self, news: News) -> None:
        if self._left() > 0:
            with quiet.opened(self._home) as file:
                file.write([*file.read(), Held(news=news)])
            return
        for post in self._posts:
            post.offer(news)

    def _left(self) -> float:
        return self._hours.left(datetime.now()) if self._hours else 0.0  # noqa: DTZ005 hours of the place

    def _turn(self) -> None:
        if self._hours is not None and not self._left():
            self._release()
        for post in self._posts:
            post.turn(self._tell)

    def _release(self) -> None:
        """Sends what was held, all in one message a service, once nobody is to be left in peace."""
        place = self._home / quiet.FILE
        if self._left() > 0 or not place.exists() or not place.stat().st_size:
            return
        with quiet.opened(self._home) as file:
            held = file.read()
            left = []
            for post in self._posts:
                mine = [h.news for h in held if h.service in (None, post.service.name)]
                if mine and not post.at_once(mine):
                    left += [Held(news=news, service=post.service.name) for news in mine]
            known = {post.service.name for post in self._posts} | {None}
            file.write(left + [h for h in held if h.service not in known])

    def _keep(self) -> None:
        """Holds what could not be delivered, for whoever sends next."""
        left = []
        for post in self._posts:
            left += [Held(news=n, service=post.service.name) for n in post.waiting.values()]
            if post.waiting:
                post.down(self._tell)
        if left:
            with quiet.opened(self._home) as file:
                file.write([*file.read(), *left])


class _Post:
    """One service, and what is on its way to it: the newest word on each thing."""

    def __init__(self, service: Service, runs: Path, run: str) -> None:
        self.service = service
        self.waiting: dict[str, News] = {}
        self.due = 0.0
        self._runs = runs
        self._sent: dict[str, set[str]] = {}
        self._receipts: dict[str, str | None] = {}
        self._failures = 0
        self._why = ""
        self._told = False
        for happened in event.read_from(runs / run / NOTED, {}):
            data = happened.data
            if data.get("service") == service.name:
                self._sent.setdefault(data["key"], set()).add(data["stage"])
                self._receipts[data["key"]] = data.get("receipt")

    def offer(self, news: News) -> None:
        """Takes what is news to this service."""
        sent = self._sent.get(news.key, set())
        if self._receipts.get(news.key) is None and (
            news.stage in sent or news.stage not in TELLING
        ):
            # an alarm that never got through is still told, as it now stands
            if news.key in self.waiting:
                self.waiting[news.key] = news
            return
        self.waiting[news.key] = news

    def turn(self, tell: Callable[[str], None]) -> None:
        """Sends what waits, unless the service failed lately."""
        if time.monotonic() < self.due:
            return
        for key, news in list(self.waiting.items()):
            receipt = self._receipts.get(key)
            try:
                receipt = self.service.send(news, receipt)
            except Undelivered as error:
                self._failed(error)
                if self._failures >= TRIES:
                    self.down(tell)
                return
            self._failures = 0
            del self.waiting[key]
            self._note(news, receipt)

    def at_once(self, held: list[News]) -> bool:
        """Whether the service took all of them in one message."""
        if time.monotonic() < self.due:
            return False
        try:
            self.service.send(digest(held), None)
        except Undelivered as error:
            self._failed(error)
            return False
        for news in held:
            self._note(news, None)
        return True

    def down(self, tell: Callable[[str], None]) -> None:
        """Tells, once, that the service takes nothing."""
        if not self._told:
            self._told = True
            why = f" ({self._why})" if self._why else ""
            tell(
                f"{self.service.name} does not take messages{why}; the run is none the worse, and "
                "what it misses is kept and sent with the next run"
            )

    def _failed(self, error: Undelivered) -> None:
        self._failures += 1
        self._why = str(error)
        pause = max(0.5 * 2.0**self._failures, error.wait_s)
        self.due = time.monotonic() + min(SLOWEST_S, pause)

    def _note(self, news: News, receipt: str | None) -> None:
        self._sent.setdefault(news.key, set()).add(news.stage)
        self._receipts[news.key] = receipt
        line = event.encode(
            "notified", service=self.service.name, key=news.key, stage=news.stage, receipt=receipt
        )
        place = self._runs / news.run / NOTED
        with suppress(OSError):  # on a full disk the worst is a message told twice
            fd = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "wb", buffering=0) as file:
                file.write(line)
