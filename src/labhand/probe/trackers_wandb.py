"""wandb: what `run.log` is given, at wandb's own steps; and runs where nobody is logged in."""

from __future__ import annotations

import os
import sys

from .trackers import mirror
from .wrap import around, dress, wrapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from .session import Session

_CLOUD = "api.wandb.ai"


class Steps:
    """The step each run of wandb is at: it counts calls, unless it is told a step."""

    def __init__(self) -> None:
        self._at: dict[int, int] = {}

    def begin(self, run: Any) -> None:
        """Starts a run where wandb does; one that is resumed goes on from its last step."""
        try:
            start = int(run.step) if getattr(run, "resumed", False) else 0
        except Exception:
            start = 0
        self._at[id(run)] = start

    def take(self, run: Any, step: Any, commit: Any) -> int:
        """The step of this call. Without `commit` the next call belongs to the same step."""
        now = self._at.get(id(run), 0)
        if step is not None:
            here = int(step)
            self._at[id(run)] = max(now, here) + bool(commit)
            return here
        self._at[id(run)] = now + (commit is None or bool(commit))
        return now


def arm(wandb: ModuleType, session: Session) -> None:
    """Mirrors `log` and the config; makes an offline run where wandb would ask and nobody is there."""
    to = mirror(session)
    steps = Steps()

    def log(self: Any, data: Any, step: Any = None, commit: Any = None, *_: Any, **__: Any) -> None:
        to.row(dict(data), steps.take(self, step, commit))

    run_class = getattr(sys.modules.get("wandb.sdk.wandb_run"), "Run", None)
    if run_class is not None:
        to.watch(run_class, "log", log)

    def begun(run: Any) -> None:
        steps.begin(run)
        _tell_config(run, session)
        bound = run.log
        if wrapped(getattr(bound, "__func__", bound)):
            return
        # A disabled run has a log of its own.
        run.log = to.around(bound, lambda *a, **k: log(run, *a, **k), "wandb.Run.log")
        if wandb.__dict__.get("log") == bound:
            wandb.__dict__["log"] = run.log

    _wrap_init(wandb, session, begun)
    _wrap_login(wandb, session)
    _watch_config(session)


def _wrap_init(wandb: ModuleType, session: Session, begun: Any) -> None:
    original = wandb.init

    def init(*arguments: Any, **named: Any) -> Any:
        session.guard("wandb.init", _offline_if_nobody, wandb, named, session)
        run = original(*arguments, **named)
        if run is not None:
            session.guard("wandb.init", begun, run)
        return run

    dress(init, original)
    wandb.__dict__["init"] = init


def _wrap_login(wandb: ModuleType, session: Session) -> None:
    original = wandb.login

    def login(*arguments: Any, **named: Any) -> Any:
        key = named.get("key") or (arguments[1] if len(arguments) > 1 else None)
        nobody = [False]
        session.guard("wandb.login", lambda: nobody.append(not key and _nobody(wandb)))
        if nobody[-1]:
            _tell(session)
            return False
        return original(*arguments, **named)

    dress(login, original)
    wandb.__dict__["login"] = login


_told: list[bool] = []


def _tell(session: Session) -> None:
    if _told or not session.leads:
        return
    _told.append(True)
    session.event(
        "facts",
        tracker="wandb",
        mode="offline",
        note="wandb is not logged in and nobody is there to ask: the run is kept offline",
    )


def _offline_if_nobody(wandb: ModuleType, named: dict[str, Any], session: Session) -> None:
    settings = named.get("settings")

    def chosen(name: str) -> Any:
        if isinstance(settings, dict):
            return settings.get(name)
        return getattr(settings, name, None)

    if named.get("mode") or os.environ.get("WANDB_MODE") or named.get("anonymous"):
        return
    if chosen("mode") not in (None, "online") or chosen("api_key") or not _nobody(wandb):
        return
    named["mode"] = "offline"
    _tell(session)


def _nobody(wandb: ModuleType) -> bool:
    """Whether wandb would need a key, has none, and has no terminal to ask for one."""
    for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_MODE"):
        if os.environ.get(name):
            return False
    if all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr)):
        return False
    settings = wandb.setup().settings
    if getattr(settings, "mode", None) not in (None, "online") or getattr(
        settings, "api_key", None
    ):
        return False
    host = str(getattr(settings, "base_url", "") or _CLOUD).split("://")[-1].split("/")[0]
    return not _in_netrc(host.split(":")[0])


def _in_netrc(host: str) -> bool:
    home = os.path.expanduser("~")
    for path in (
        os.environ.get("NETRC"),
        os.path.join(home, ".netrc"),
        os.path.join(home, "_netrc"),
    ):
        try:
            if path:
                with open(os.path.expanduser(path), encoding="utf-8", errors="replace") as file:
                    if host in file.read().split():
                        return True
        except OSError:
            continue
    return False


def _tell_config(run: Any, session: Session) -> None:
    config = run.config
    as_dict = getattr(config, "as_dict", None)
    settings = as_dict() if as_dict is not None else dict(config)
    session.config({key: value for key, value in settings.items() if key != "_wandb"})


def _watch_config(session: Session) -> None:
    kind = getattr(sys.modules.get("wandb.sdk.wandb_config"), "Config", None)
    if kind is None:
        return

    def one(result: Any, self: Any, key: str, value: Any) -> None:
        if not str(key).startswith("_"):
            session.config({key: value})

    def many(result: Any, self: Any, *_: Any, **__: Any) -> None:
        session.config({k: v for k, v in self.as_dict().items() if not str(k).startswith("_")})

    around(session, kind, "update", after=many)
    if around(session, kind, "__setitem__", after=one):
        kind.__setattr__ = kind.__setitem__
