"""Where messages go: every address that apprise knows, and the editing that it does not do.

apprise 2.2 sends and forgets (caronc/apprise#699). Discord's webhooks and ntfy can edit what they
sent, so these two are spoken to directly; apprise still reads their addresses.
"""

import itertools
import logging
import warnings
from collections.abc import Sequence
from typing import Any, Protocol

from labhand.notify.news import News

TIMEOUT_S = (4.0, 10.0)
GONE = 404
INSTALL = "notifications are set, but apprise is not installed; install it: `pip install 'labhand[notify]'`"


class Undelivered(Exception):
    """A service did not take a message. The text never holds an address.

    `code` is the HTTP status of its answer, 0 where there was none; `wait_s` what it asks to wait.
    """

    def __init__(self, text: str = "", code: int = 0, wait_s: float = 0.0) -> None:
        super().__init__(text)
        self.code, self.wait_s = code, wait_s


class Service(Protocol):
    """One address. `name` tells a person which, without its secrets."""

    name: str

    def send(self, news: News, receipt: str | None) -> str | None:
        """The receipt by which the message can be edited; None where it cannot be.

        With a `receipt` the message of before is edited. Blocks for seconds. Raises Undelivered.
        """


def connect(addresses: Sequence[str]) -> tuple[list[Service], list[str]]:
    """The services of the addresses, and a sentence about each address that means none."""
    try:
        import apprise
    except ImportError:
        return [], [INSTALL]
    logger = logging.getLogger("apprise")  # it prints addresses
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    asset = apprise.AppriseAsset(
        app_id="labhand", app_desc="labhand", async_mode=False, storage_mode="memory"
    )
    services: list[Service] = []
    troubles = []
    for number, address in enumerate(addresses, start=1):
        made = _made(apprise, address, asset)
        if made is None:
            schema = address.partition("://")[0] if "://" in address else ""
            troubles.append(
                f"address {number} of `notify`{f', {schema}://…,' if schema.isalnum() else ''} "
                "means no service that apprise can use; its documentation lists how each is written"
            )
            continue
        services.append(_service(made, [s.name for s in services]))
    return services, troubles


def _made(apprise: Any, address: str, asset: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the hundred plugins that it loads some use old modules
        try:
            made = apprise.Apprise.instantiate(address, asset=asset)
        except Exception:  # whatever a plugin raises holds the address
            return None
    return made if isinstance(made, apprise.NotifyBase) else None


def _service(made: Any, taken: list[str]) -> Service:
    plain = str(made.service_name)
    numbered = (f"{plain} {n}" if n > 1 else plain for n in itertools.count(1))
    name = next(n for n in numbered if n not in taken)
    kinds = {"NotifyDiscord": Discord, "NotifyNtfy": Ntfy}
    kind: Any = kinds.get(type(made).__name__, Plain)
    return kind(name, made)  # type: ignore[no-any-return]


class Plain:
    """Any service of apprise's: what was sent stays as it is."""

    def __init__(self, name: str, made: Any) -> None:
        import apprise

        self.name = name
        self._apprise = apprise.Apprise(asset=made.asset)
        self._apprise.add(made)

    def send(self, news: News, receipt: str | None) -> str | None:
        """None: it cannot be edited."""
        kind = "failure" if news.grave else "info"
        taken = self._apprise.notify(
            body=news.body, title=news.title, notify_type=kind, body_format="text"
        )
        if not taken:
            raise Undelivered
        return None


class Discord:
    """A webhook of Discord: it answers with the message's id, by which PATCH edits it."""

    def __init__(self, name: str, made: Any) -> None:
        self.name = name
        self._made = made
        self._url = f"{made.notify_url}/{made.webhook_id}/{made.webhook_token}"

    def send(self, news: News, receipt: str | None) -> str | None:
        """The id of the message; one that somebody has deleted is sent anew."""
        about: dict[str, str] = {"wait": "true"}
        if self._made.thread_id:
            about["thread_id"] = self._made.thread_id
        text = f"**{news.title}**\n{news.body}"
        said = {"content": text if len(text) <= 2000 else text[:1999] + "…"}
        how = {
            "params": about,
            "json": said | {"allowed_mentions": {"parse": []}},
            "verify": self._made.verify_certificate,
        }
        if receipt is not None:
            try:
                _ask("PATCH", f"{self._url}/messages/{receipt}", **how)
                return receipt
            except Undelivered as error:
                if error.code != GONE:
                    raise
        answer = _ask("POST", self._url, **how)
        return str(answer["id"]) if "id" in answer else None


class Ntfy:
    """ntfy: from server version 2.16 a message of the same sequence id takes the place of the first.

    An older server shows every one; it tells by leaving the id out of its answer.
    """

    def __init__(self, name: str, made: Any) -> None:
        self.name = name
        self._made = made

    def send(self, news: News, receipt: str | None) -> str | None:
        """The sequence id, where the server keeps it."""
        made = self._made
        # of a topic, not of a run: the end of one run must not take the place of another's
        sequence = receipt or f"labhand-{news.run}-{news.key}"[:64]
        edits = True
        for topic in made.topics:
            content = {"topic": topic, "title": news.title, "message": news.body}
            content |= {"priority": 4 if news.grave else 3, "sequence_id": sequence}
            answer = _ask("POST", self._url(), json=content, **self._way(made))
            edits = edits and answer.get("sequence_id") == sequence
        return sequence if edits else None

    def _url(self) -> str:
        made = self._made
        if made.mode == "cloud":
            return str(made.cloud_notify_url)
        port = f":{made.port}" if isinstance(made.port, int) else ""
        return f"{'https' if made.secure else 'http'}://{made.host}{port}"

    @staticmethod
    def _way(made: Any) -> dict[str, Any]:
        way: dict[str, Any] = {"verify": made.verify_certificate}
        if made.token:
            way["headers"] = {"Authorization": f"Bearer {made.token}"}
        elif made.user:
            way["auth"] = (made.user, made.password or "")
        return way


def _wait(answer: Any) -> float:
    """The seconds that a service which has had too many messages asks for."""
    try:
        return float(answer.headers.get("Retry-After", 0))
    except ValueError:  # it may be a date, too
        return 0.0


def _ask(method: str, url: str, **how: Any) -> dict[str, Any]:
    import requests

    try:
        answer = requests.request(method, url, timeout=TIMEOUT_S, **how)
        if not answer.ok:
            raise Undelivered(f"it answers {answer.status_code}", answer.status_code, _wait(answer))
        content = answer.json() if answer.content else {}
    except requests.RequestException as error:
        raise Undelivered(type(error).__name__) from None
    return content if isinstance(content, dict) else {}
