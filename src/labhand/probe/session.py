"""What one process of the attempt knows of itself, and its way to the record."""

from __future__ import annotations

import os
import sys
from _thread import get_ident

from .ranks import rank_of_environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from .points import Writer

_FIRST = "LABHAND_FIRST"
_MOST_FAULTS = 20


class Session:
    """The one session of this process. Nothing in it raises except `writer`.

    `first` is true in the first Python process of the attempt, and not in what it starts.
    """

    def __init__(self, attempt: str) -> None:
        self.attempt = attempt
        self.pid = os.getpid()
        self.rank = rank_of_environment()
        self.first = os.environ.setdefault(_FIRST, str(self.pid)) == str(self.pid)
        self.step: int | None = None
        self.counted: Callable[[], int] | None = None
        self.thread = get_ident()
        self.settings: dict[str, Any] = {}
        self.wrote = self.introduced = self.failed = False
        self.before_first_point: list[Callable[[], None]] = []
        self._writers: dict[str, Writer] = {}
        self._faults: set[str] = set()

    @property
    def leads(self) -> bool:
        """Whether this process speaks for the run where all ranks would say the same."""
        return self.rank in (None, 0)

    def writer(self, source: str) -> Writer:
        """The writer of this process for `source`, made at the first call. Creates its file."""
        found = self._writers.get(source)
        if found is not None:
            return found
        waiting, self.before_first_point = self.before_first_point, []
        for call in waiting:
            self.guard("before the first point", call)
        from .points import Writer

        self._introduce()
        made = self._writers[source] = Writer(self.attempt, source, rank=self.rank)
        self.wrote = True
        return made

    def event(self, kind: str, **data: Any) -> None:
        """Appends one line to the events file of this process, in one write."""
        self.failed = self.failed or kind == "exception"
        self._append(kind, data)

    def config(self, settings: Any) -> None:
        """Tells the settings that are new or changed, as one `config` event. Ranks above 0 do not."""
        if not self.leads:
            return
        from .values import plain

        told = plain({str(key): value for key, value in dict(settings).items()})
        new = {k: v for k, v in told.items() if k not in self.settings or self.settings[k] != v}
        if new:
            self._introduce()
            self.settings.update(new)
            self._append("config", new)

    def _introduce(self) -> None:
        """Tells once which Python this is, within which other: the command may not show it, as with `uv run`."""
        if self.leads and not self.introduced:
            self.introduced = True
            within = {} if self.first else {"within": int(os.environ[_FIRST])}
            self._append("facts", {"executable": sys.executable, **within})

    def ended(self) -> None:
        """Tells that the script came to its end, and which Python ran one that only printed.

        The command may not show it.
        """
        from .people import of_person

        # the loader, since Python takes `__file__` away once the script has ended
        loader = getattr(sys.modules.get("__main__"), "__loader__", None)
        if of_person(str(getattr(loader, "path", "<none>"))) and (self.first or self._alone()):
            self._introduce()
        if self.introduced and not self.failed:
            self._append("over", {})

    def _alone(self) -> bool:
        """Whether no process of the attempt has told anything: of many, one is enough."""
        names = os.listdir(self.attempt)
        return not any(n.startswith("events.") and n != "events.jsonl" for n in names)

    def _append(self, kind: str, data: dict[str, Any]) -> None:
        try:
            from .points import event
            from .values import plain

            event(self.attempt, kind, plain(data))
        except Exception:  # whatever the data were, they must not reach the training
            pass

    def fault(self, where: str, error: BaseException) -> None:
        """Tells a trouble of the probe's own, once for each `where`."""
        if where in self._faults or len(self._faults) >= _MOST_FAULTS:
            return
        self._faults.add(where)
        self.event("fault", where=where, message="%s: %s" % (type(error).__name__, error))

    def guard(self, where: str, call: Callable[..., Any], *arguments: Any) -> bool:
        """Whether `call(*arguments)` went well; if not, the fault is told."""
        try:
            call(*arguments)
        except Exception as error:
            self.fault(where, error)
            return False
        return True

    def forked(self) -> None:
        """Makes the session that of a forked child. Writers begin files of their own themselves."""
        self.pid = os.getpid()
        self.first = self.wrote = False
        self.before_first_point = []
        self._faults = set()


session: Session | None = None


def start(attempt: str) -> Session:
    """The session of this process, made if there is none."""
    global session
    if session is None:
        session = Session(attempt)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=session.forked)
    return session
