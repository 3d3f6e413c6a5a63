"""Secrets never reach the disk: masks them in text, arguments, settings and streams of output.

A mask is `[secret:kind]`. Ordinary output comes back byte for byte. What can be a secret is found
by two cheap passes over all bytes, a run of 20 token characters and a handful of words; the exact
patterns look only there.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from labhand.kit.secret_kinds import (
    BY_HEAD,
    CONTEXTS,
    DISCORD,
    HEADS,
    LEFT_CONTEXT,
    MIXED_KINDS,
    NAMES,
    PRIVATE_KEY,
    PRIVATE_KEY_END,
    PRIVATE_KEY_LINE,
    QUOTED,
    SHORTEST,
    TELEGRAM,
    URL_PASSWORD,
    VALUE,
    WANDB_BEFORE,
    is_harmless,
    is_known_value,
    is_value,
    looks_random,
    secret_name,
    secret_variable,
    strength,
)

WINDOW = 8192
"""The longest unfinished line that a stream holds back, bytes; a longer one is cut in pieces."""

_LOOK = 1024
"""So much of a window is held back when a longer line is cut, in case a secret begins there."""

_MOST_KEY_LINES = 400

_TOKEN_BYTES = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-"
_RUNS = bytes(0x61 if c in _TOKEN_BYTES else 0x20 for c in range(256))
_RUN = b"a" * SHORTEST
_HEX = b"0123456789abcdef-"
_LOWER = b"abcdefghijklmnopqrstuvwxyz_-"
_WORD = re.compile(rb"[^\s]*")
_LINE = re.compile(rb"[^\r\n]*[\r\n]|[^\r\n]+")
_TAIL = re.compile(rb"[A-Za-z0-9+/=_.\\\-]*")
_BREAK = re.compile(rb"[\r\n]")


class _Span(NamedTuple):
    """A secret from `start` to `end`; `since` is where what tells that it is one begins."""

    start: int
    end: int
    kind: str
    since: int


class Scrubber:
    """Masks secrets, those of an environment among them, wherever they turn up.

    Args:
        environment: variables; the values of those with a secret-looking name are masked by
            value, as `[secret:NAME]`.
        command: the secrets among a command's arguments are masked by value too: scripts like to
            print their settings.
    """

    def __init__(
        self, environment: Mapping[str, str] | None = None, command: Sequence[str] = ()
    ) -> None:
        self._known: dict[bytes, str] = {}
        for name, value in (environment or {}).items():
            if secret_variable(name):
                self._know(value, name)
        for value in _secret_arguments(command).values():
            self._know(value, "argument")
        longest_first = sorted(self._known, key=len, reverse=True)
        self._values = [re.compile(re.escape(value)) for value in longest_first]

    def _know(self, value: str, name: str) -> None:
        for part in value.splitlines():
            if is_known_value(part):
                self._known.setdefault(part.strip().encode("utf-8", "surrogateescape"), name)

    def text(self, text: str) -> str:
        """The text with every secret masked; the very same object where there is none."""
        data = text.encode("utf-8", "surrogatepass")
        masked = self.raw(data)
        return text if masked == data else masked.decode("utf-8", "surrogatepass")

    def raw(self, data: bytes) -> bytes:
        """The bytes with every secret masked, equal to what a `Stream` gives for them."""
        stream = Stream(self)
        return stream.feed(data) + stream.flush()

    def arguments(self, argv: list[str]) -> list[str]:
        """A command's arguments with every secret masked.

        Knows `--api-key X`, `--token=X`, `wandb.api_key=X`, and whatever `text` finds.
        """
        secrets = _secret_arguments(argv)
        return [
            f"{argument.removesuffix(secrets[i])}[secret:argument]"
            if i in secrets
            else self.text(argument)
            for i, argument in enumerate(argv)
        ]

    def tree(self, obj: Any) -> Any:
        """A copy of nested settings: strings scrubbed, values under a secret-looking key masked."""
        if isinstance(obj, str):
            return self.text(obj)
        if isinstance(obj, Mapping):
            return {
                key: _masked(value)
                if isinstance(key, str) and secret_name(key)
                else self.tree(value)
                for key, value in obj.items()
            }
        if isinstance(obj, (list, tuple)):
            return [self.tree(value) for value in obj]
        return obj

    def _lines(self, data: bytes) -> bytes:
        """Whole lines, masked. Masks until nothing is found: a mask can bare what stood beside."""
        for _ in range(8):
            spans = self._spans(data)
            if not spans:
                break
            data = _replaced(data, spans)
        return data

    def _spans(self, data: bytes) -> list[_Span]:
        lowered = data.lower()
        runs = data.translate(_RUNS)
        found = _tokens(data, runs)
        for names in NAMES:
            for match in names.finditer(lowered):
                span = _named(data, runs, match)
                if span is not None:
                    found.append(span)
        for kind, context in CONTEXTS:
            found += [_Span(*m.span(1), kind, m.start()) for m in context.finditer(lowered)]
        for m in URL_PASSWORD.finditer(data):
            if not is_harmless(m[1]):
                found.append(_Span(*m.span(1), "url-password", m.start()))
        found += [
            _Span(*m.span(), "private-key", m.start())
            for m in (
                PRIVATE_KEY.pattern.finditer(data)
                if b"PRIVATE KEY" in data or b"PuTTY" in data
                else ()
            )
        ]
        for value in self._values:
            found += [_Span(*m.span(), self._known[m[0]], m.start()) for m in value.finditer(data)]
        return _merged(found)


class Stream:
    """Scrubs a stream of bytes that comes in arbitrary chunks; chunking never changes the result.

    A line (or a frame that ends in a carriage return) comes out when it is whole, an unfinished
    one is held back, `WINDOW` bytes at most. A private key over several lines is masked whole.
    """

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self._held = b""
        self._key_lines = 0
        self._in_long_secret = False

    def feed(self, chunk: bytes) -> bytes:
        """What can be told of the stream now, scrubbed."""
        data = self._held + chunk if self._held else chunk
        whole = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        out = self._whole(data[:whole]) if whole else b""
        rest = data[whole:]
        while len(rest) > WINDOW:
            piece, used = self._piece(rest[:WINDOW])
            out += piece
            rest = rest[used:]
        self._held = rest
        return out

    def flush(self) -> bytes:
        """What was held back, scrubbed. The stream is as new afterwards."""
        rest, self._held = self._held, b""
        out = self._plain(rest) if rest else b""
        self._key_lines = 0
        self._in_long_secret = False
        return out

    def _whole(self, data: bytes) -> bytes:
        """Whole lines; those longer than a window go piece by piece."""
        out: list[bytes] = []
        begun = at = 0
        while len(data) - at > WINDOW:
            end = max(
                data.rfind(b"\n", at, at + WINDOW + 1), data.rfind(b"\r", at, at + WINDOW + 1)
            )
            if end >= 0:
                at = end + 1
                continue
            out.append(self._plain(data[begun:at]))
            match = _BREAK.search(data, at)
            line_end = match.start() if match else len(data)
            while line_end - at > WINDOW:
                piece, used = self._piece(data[at : at + WINDOW])
                out.append(piece)
                at += used
            begun = at
        out.append(self._plain(data[begun:]))
        return b"".join(out)

    def _piece(self, window: bytes) -> tuple[bytes, int]:
        """The first piece of an overlong line, scrubbed, and how many bytes it took."""
        skipped = self._skip_long_secret(window)
        if skipped:
            return b"", skipped
        spans = self._scrubber._spans(window)
        cut = max(window.rfind(b" ", WINDOW // 2, WINDOW - _LOOK) + 1, 0) or WINDOW - _LOOK
        runs = window.translate(_RUNS)
        for span in reversed(spans):  # the cut moves back, maybe into the one before
            if span.since < cut < span.end:
                # never within a word: its halves may say something else than the whole
                cut = runs.rfind(b" ", 0, span.since) + 1 or span.end
                self._in_long_secret = cut == len(window)
        before = [span for span in spans if span.end <= cut]
        return self._scrubber._lines(_replaced(window[:cut], before)), cut

    def _plain(self, data: bytes) -> bytes:
        """Lines of ordinary length."""
        if self._in_long_secret:
            data = data[self._skip_long_secret(data) :]
        if not self._key_lines and b"PRIVATE KEY" not in data and b"PuTTY" not in data:
            return self._scrubber._lines(data)
        return b"".join(map(self._keyed, _LINE.findall(data)))

    def _keyed(self, line: bytes) -> bytes:
        """A line while a private key may be printed."""
        if self._key_lines:
            end = PRIVATE_KEY_END.pattern.match(line)
            if end:
                self._key_lines = 0
                line = line[end.end() :]
            elif self._key_lines < _MOST_KEY_LINES and PRIVATE_KEY_LINE.pattern.fullmatch(line):
                self._key_lines += 1
                return b""
            else:
                self._key_lines = 0
        begins = [m for m in PRIVATE_KEY.pattern.finditer(line) if m[1] is None]
        if begins:
            self._key_lines = 1
        return self._scrubber._lines(line)

    def _skip_long_secret(self, data: bytes) -> int:
        """How many bytes still belong to a secret that was longer than a window."""
        if not self._in_long_secret:
            return 0
        match = _TAIL.match(data)
        skipped = match.end() if match else 0
        self._in_long_secret = skipped == len(data)
        return skipped


def _secret_arguments(argv: Sequence[str]) -> dict[int, str]:
    """The secrets that a command's options hold, by the place of the argument they end."""
    secrets: dict[int, str] = {}
    awaited = False
    for i, argument in enumerate(argv):
        name, equals, value = argument.partition("=")
        if awaited and not argument.startswith("--") and _worth(argument):
            secrets[i] = argument
            awaited = False
            continue
        awaited = not equals and argument.startswith("-") and secret_name(argument)
        if equals and " " not in name and secret_name(name) and _worth(value):
            secrets[i] = value
    return secrets


def _tokens(data: bytes, runs: bytes) -> list[_Span]:
    """Secrets with a shape of their own. `runs` holds an `a` for every token byte, else a blank."""
    found: list[_Span] = []
    end = 0
    at = runs.find(_RUN)
    while at >= 0:
        begun = end
        end = runs.find(b" ", at)
        end = len(runs) if end < 0 else end
        run = data[at:end]
        if run.strip(_HEX) and run.strip(_LOWER):
            found_here, end = _tokens_around(data, begun, at, end)
            found += found_here
        elif end - at == 40:
            found += _old_wandb_key(data, at, end)
        at = runs.find(_RUN, end)
    return found


def _old_wandb_key(data: bytes, at: int, end: int) -> list[_Span]:
    """A key of 40 hexadecimal digits, which only the words before it tell from a commit."""
    before = data[max(0, at - 160) : at].lower()
    if b"key" not in before and b"login" not in before:
        return []
    words = WANDB_BEFORE.search(before)
    return [_Span(at, end, "wandb", at - len(words[0]))] if words else []


def _tokens_around(data: bytes, begun: int, at: int, end: int) -> tuple[list[_Span], int]:
    """The tokens of the word around a run of token bytes, and where that word ends."""
    before = data[max(begun, at - LEFT_CONTEXT) : at].split()
    since = at - len(before[-1]) if before and not data[at - 1 : at].isspace() else at
    shapes = [TELEGRAM] if data[at - 1 : at] == b":" else []
    if data[end : end + 1] == b".":
        shapes.append(DISCORD)
    word = _WORD.match(data, end)
    end = word.end() if word else end
    for head in set(HEADS.findall(data, since, end)):
        shapes += BY_HEAD[head]
    found = [
        _Span(*m.span(), shape.kind, m.start())
        for shape in dict.fromkeys(shapes)
        for m in shape.pattern.finditer(data, since, end)
        if shape.kind not in MIXED_KINDS or _mixed(m[0])
    ]
    return found, end


def _mixed(token: bytes) -> bool:
    """Whether a token is random or holds a long hexadecimal number."""
    return looks_random(token.replace(b":", b"")) or bool(re.search(rb"[0-9a-f]{32}", token))


def _named(data: bytes, runs: bytes, match: re.Match[bytes]) -> _Span | None:
    """The secret that a name in running text holds."""
    since = runs.rfind(b" ", max(0, match.start() - 48), match.start()) + 1
    since = since or max(0, match.start() - 48)
    if data[since - 1 : since] in (b"[", b";"):  # the end of a colour code is no part of the name
        since = max(since, data.find(b"m", since, match.start()) + 1)
    sureness = strength(data[since : match.end(1)])
    if sureness == "none":
        return None
    value = VALUE.match(data, match.end())
    if value is None:
        return None
    start, end = value.span(2)
    if value[1]:
        quoted = QUOTED[value[1]].match(data, start)
        end = quoted.end(1) if quoted else end
    if not is_value(data[start:end], sureness, bool(value[1])):
        return None
    return _Span(start, end, "named", since)


def _merged(spans: list[_Span]) -> list[_Span]:
    """Spans in order; those that overlap become one, named after the one that begins first."""
    merged: list[_Span] = []
    for span in sorted(spans, key=lambda s: (s.start, -s.end, s.kind == "named")):
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            merged[-1] = _Span(
                last.start, max(last.end, span.end), last.kind, min(last.since, span.since)
            )
        else:
            merged.append(span)
    return merged


def _replaced(data: bytes, spans: list[_Span]) -> bytes:
    parts: list[bytes] = []
    at = 0
    for span in spans:
        parts += [data[at : span.start], f"[secret:{span.kind}]".encode()]
        at = span.end
    return b"".join([*parts, data[at:]])


def _masked(obj: Any) -> Any:
    """Nested settings under a secret-looking key: every value of worth masked."""
    if isinstance(obj, Mapping):
        return {key: _masked(value) for key, value in obj.items()}
    if isinstance(obj, (list, tuple)):
        return [_masked(value) for value in obj]
    if isinstance(obj, bool) or obj is None or (isinstance(obj, str) and not _worth(obj)):
        return obj
    return "[secret:setting]"


def _worth(value: str) -> bool:
    """Whether the value of a secret-looking option is worth masking."""
    raw = value.encode("utf-8", "surrogatepass")
    return bool(raw) and not is_harmless(raw) and not (len(raw) < 6 and raw.isdigit())


_ANYWHERE = Scrubber()


def scrub(text: str) -> str:
    """The text with every secret masked; the very same object where there is none."""
    return _ANYWHERE.text(text)


def scrub_bytes(data: bytes) -> bytes:
    """The bytes with every secret masked; unchanged byte for byte where there is none."""
    return _ANYWHERE.raw(data)


def scrub_arguments(argv: list[str]) -> list[str]:
    """A command's arguments with every secret masked."""
    return _ANYWHERE.arguments(argv)


def scrub_tree(obj: Any) -> Any:
    """A copy of nested settings with every secret masked."""
    return _ANYWHERE.tree(obj)


def secrets_in(text: str) -> list[tuple[int, int, str]]:
    """The secrets in a text: where each starts and ends, in characters, and its kind."""
    data = text.encode("utf-8", "surrogatepass")
    spans = _ANYWHERE._spans(data)
    if not spans or len(data) == len(text):
        return [(s.start, s.end, s.kind) for s in spans]

    def place(at: int) -> int:
        return len(data[:at].decode("utf-8", "ignore"))

    return [(place(s.start), place(s.end), s.kind) for s in spans]
