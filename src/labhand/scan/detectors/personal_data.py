"""Personal data in texts: addresses of mail, numbers of phones, cards and accounts."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from labhand.scan.anomaly import Anomaly
from labhand.scan.data import Data, Part
from labhand.scan.detectors._cells import shown
from labhand.scan.detectors._spans import Span, columns_of, kinds, rows_hold, settled, spans
from labhand.scan.texts import texts, words

if TYPE_CHECKING:
    import polars as pl

ROUGH = r"@[A-Za-z0-9.-]+\.[A-Za-z]{2}|\d[\d ().\-]{6,}\d|[A-Z]{2}\d\d ?[A-Z0-9]{4}|\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}"
_MAIL = re.compile(
    r"(?<![\w.+/:@-])[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,18}(?![\w@:/])"
)
_NO_PERSON = re.compile(
    r"@(?:.*\.)?(?:example|test|invalid|localhost|domain|email|company|your[\w-]*)\.[a-z]+$"
    r"|\.(?:example|test|invalid|png|jpg|local)$|^(?:git|noreply|no-reply|donotreply|user|username|you|name|foo|root)@"
    r"|@users\.noreply\.",
    re.I,
)
_PHONE = re.compile(
    r"(?<![\w./+=#-])(?:\+\d{1,3}[ .\-]?(?:\(0?\d{1,4}\)[ .\-]?)?\d{1,4}(?:[ .\-]?\d{2,4}){2,4}"
    r"|(?:\+?1[ .\-]?)?\(\d{3}\) ?\d{3}[ .\-]\d{4}|(?:1[.\-])?\d{3}([.\-])\d{3}\1\d{4})(?![\w./-]*\w)"
)
_CALLED = re.compile(
    r"(?<![A-Za-z])(?:(?:cell|tele|smart)?phone|tel|call|mobile|cell|fax|whatsapp|sms|contact|reach)\W[^\n\d]{0,25}"
    r"(\+?\d[\d ().\-]{5,16}\d)(?!\w|\s*[=+*/×])",
    re.I,
)
_CARD = re.compile(
    r"(?<![\w.-])(?:\d{4}[ -]){3}\d{1,7}(?![\w.-]*\d)|(?<![\w.-])[3-6]\d{12,18}(?![\w.-]*\d)"
)
_ACCOUNT = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?!\w)")
_SOCIAL = re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])")
_HOST = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w.-]*\d)")

OFTEN = 10
MEANT = 0.2
"""The share of cells with an address from which on a column is one of addresses."""
SHARE = 0.02
"""In so many rows a thing stands in a template, and is no person's of that row."""


class Detector:
    """Personal data in texts: addresses of mail, numbers of phones, cards and accounts.

    ## What it does
    Finds addresses of mail, phone numbers, card numbers (by their check digit), account numbers
    (IBAN, by theirs), US social security numbers and public IP addresses, each with its span.

    ## Why is this bad
    A model can repeat what it learned, and laws hold for such data.

    ## Known problems
    Names and postal addresses are not looked for. One address in many rows is told once, as a note. What is reserved for examples (`example.com`,
    555-01xx) is a note of its own.

    ## Example
    `write to ada.lovelace@gmail.com or call +44 20 7946 0018`

    ## Use instead
    Mask the spans, or drop the rows.
    """

    needs = ("rows",)

    def look(self, data: Data) -> Iterable[Anomaly]:
        """Three anomalies a part at most: a person's, one thing over and over, what is made up."""
        import polars as pl

        for part in data.parts:
            prose = texts(data, part)
            found = spans(prose, pl.col("text").str.contains(ROUGH), personal)
            # of codes and names only an address is sure; where a fifth has one, they are what the column is
            codes = [t for t in words(data, part) if t.column not in {p.column for p in prose}]
            for one in codes:
                within = spans([one], pl.col("text").str.contains("@"), _addresses)
                if 0 < within["row"].n_unique() <= MEANT * part.rows:
                    found = pl.concat([found, within])
            found = found.sort("score", "row", "start", descending=[True, False, False])
            made_up = pl.col("score") < 0.5
            rows = pl.col("row").n_unique().over("excerpt")
            again = ~made_up & (rows >= max(OFTEN, SHARE * part.rows))
            if len(same := found.filter(again)):
                yield _over_and_over(part, same)
            found = found.filter(~again)
            for some, real in ((found.filter(~made_up), True), (found.filter(made_up), False)):
                if not len(some):
                    continue
                what = "personal data" if real else "personal data made for examples"
                yield Anomaly(
                    part,
                    rows_hold(part, some, f"{what} ({kinds(some)})"),
                    "mask the spans, or drop the rows"
                    if real
                    else "nothing, if no person is meant",
                    0.85 if real else 0.3,
                    settled(some),
                    columns_of(some),
                    "warning" if real else "note",
                    normal="no text names how to reach or charge a person",
                    group="" if real else "made up",
                )


def _over_and_over(part: Part, same: "pl.DataFrame") -> Anomaly:
    """A few things that stand in many rows each, as a template has them."""
    values = same["excerpt"].unique(maintain_order=True)
    named = ", ".join(shown(value) for value in values[:3]) + (", …" if len(values) > 3 else "")
    return Anomaly(
        part,
        f"{'one address or number' if len(values) == 1 else f'{len(values)} addresses and numbers'} "
        f"({named}) {'stands' if len(values) == 1 else 'stand'} again and again, in {same['row'].n_unique():,} of {part.rows:,} rows: part of a template, rather than of persons",
        "take it out of the template, or leave it, if it is nobody's own",
        0.6,
        settled(same),
        columns_of(same),
        "note",
        normal="what reaches a person stands in a row or a few",
        evidence={"values": values[:20].to_list()},
        group="over and over",
    )


def personal(text: str) -> Iterator[Span]:
    """The spans of a text that are personal data; a weight below a half: made for examples."""
    taken: list[tuple[int, int]] = []
    for start, end, what, weight in sorted(_every(text), key=lambda s: (-s[3], s[0])):
        if not any(start < b and a < end for a, b in taken):
            taken.append((start, end))
            yield Span(start, end, what, weight)


def _addresses(text: str) -> Iterator[Span]:
    yield from (span for span in personal(text.replace("=", " ")) if span.what == "mail address")


def _every(text: str) -> Iterator[tuple[int, int, str, float]]:
    for m in _MAIL.finditer(text):
        yield *m.span(), "mail address", 0.3 if _NO_PERSON.search(m[0]) else 0.9
    for pattern, what, weight, proven in _PROVEN:
        for m in pattern.finditer(text):
            if proven(m[0]):
                yield *m.span(), what, weight
    yield from _phones(text)
    for m in _HOST.finditer(text):
        if _is_public(m[0]) and "version" not in text[max(0, m.start() - 20) : m.start()].lower():
            yield *m.span(), "IP address", 0.3 if _in_order(m[0]) else 0.6


def _phones(text: str) -> Iterator[tuple[int, int, str, float]]:
    for m in _CALLED.finditer(text):
        if _is_phone(m[1], 7) and not re.search(r"\d{4}[-.]\d\d[-.]\d\d", m[1]):
            yield *m.span(1), "phone number", 0.35 if _fiction(m[1]) else 0.8
    for m in _PHONE.finditer(text):
        if _is_phone(m[0], 9):
            yield *m.span(), "phone number", 0.35 if _fiction(m[0]) else 0.85


def _is_phone(number: str, least: int) -> bool:
    return least <= len(re.sub(r"\D", "", number)) <= 15


def _fiction(number: str) -> bool:
    return bool(re.search(r"555\D?01\d\d$|123\D?456\D?7890|(\d)\1{5}", number))


def _checks(digits: str) -> bool:
    """Whether the last digit is what the others ask for (Luhn), and the number is one of a card."""
    if (
        not 13 <= len(digits) <= 19
        or digits[0] not in "3456"
        or (len(set(digits)) < 4 and digits[:1] != "4")
    ):
        return False
    doubled = [int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def _is_account(text: str) -> bool:
    """Whether the check digits of an IBAN are right (ISO 13616: the number modulo 97 is 1)."""
    moved = text[4:] + text[:4]
    return 15 <= len(text) <= 34 and int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def _in_order(host: str) -> bool:
    """Whether an address is counted up or repeats itself, as made up ones do: 123.45.67.89, 11.22.33.44."""
    digits = host.replace(".", "")
    numbers = [int(n) for n in host.split(".")]
    steps = {b - a for a, b in pairwise(numbers)}
    return digits in "1234567890123" or len(steps) == 1


def _is_public(host: str) -> bool:
    import ipaddress

    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    known = host in ("8.8.8.8", "8.8.4.4", "1.1.1.1", "9.9.9.9") or host.endswith((".0", ".255"))
    return address.is_global and not known and int(host.split(".")[0]) > 9


_PROVEN: tuple[tuple[re.Pattern[str], str, float, Callable[[str], bool]], ...] = (
    (_CARD, "card number", 0.98, lambda told: _checks(re.sub(r"\D", "", told))),
    (_ACCOUNT, "account number", 0.97, lambda told: _is_account(told.replace(" ", ""))),
    (_SOCIAL, "social security number", 0.95, bool),
)
"""What check digits or its form prove."""
