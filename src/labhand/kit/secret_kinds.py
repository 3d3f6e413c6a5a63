"""What secrets look like: tokens with a shape of their own, and names whose values are secret.

Every pattern works on bytes and stays inside one line: no class contains a line break, so that a
text gives the same line by line as in one piece.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

from labhand.kit.patterns import pattern

SHORTEST = 20
"""Every token with a shape of its own holds a run of at least so many letters, digits, `_`, `-`."""

LEFT_CONTEXT = 96
"""How far before that run a token can begin, bytes."""

# A token may follow a colour code or an escaped line break, which end in a letter.
_EDGE = r"(?:(?<![A-Za-z0-9_])|(?<=[0-9;\[]m)|(?<=\\[nrt]))"


class Shape:
    """A token with a shape of its own. One of `heads` stands in every such token."""

    def __init__(self, kind: str, heads: str, source: str) -> None:
        self.kind = kind
        self.heads = tuple(heads.encode().split())
        self.pattern = pattern(source.encode())


SHAPES = [
    Shape(
        "aws", "A3T ABIA ACCA AKIA ASIA", _EDGE + r"(?:A3T[A-Z0-9]|A(?:BI|CC|KI|SI)A)[0-9A-Z]{16}"
    ),
    Shape(
        "github",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        r"gh[pousr]_[A-Za-z0-9_]{36,}|github_pat_[A-Za-z0-9_]{22,}",
    ),
    Shape(
        "gitlab",
        "glpat- gldt- glft- glsoat- glrt- glcbt- glimt- glptt- glagent- gloas- glffct- GR1348941",
        r"(?:gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas|ffct)-|GR1348941)[A-Za-z0-9_\-]{20,}",
    ),
    Shape("slack", "xox XOX", r"(?i:xox[abeoprs]-[0-9A-Z\-]{10,})"),
    Shape(
        "slack",
        "hooks.slack.com",
        r"(?i:https://hooks\.slack\.com/services/T[A-Z0-9_]+/B[A-Z0-9_]+/[A-Z0-9_]+)",
    ),
    Shape("discord", "/api/webhooks/", r"discord(?:app)?\.com/api/webhooks/[0-9]+/[\w\-]{60,}"),
    Shape("neptune", "eyJhcGlf", r"eyJhcGlf[A-Za-z0-9+/=_\-]{40,}"),
    Shape("jwt", "eyJ", r"eyJ[\w\-]{10,}={0,2}\.[\w\-]{2,}={0,2}(?:\.[\w.+/=\-]*)?"),
    Shape("mailchimp", "-us", r"[0-9a-z]{32}-us[0-9]{1,2}"),
    Shape("npm", "npm_", _EDGE + r"npm_[A-Za-z0-9]{36}"),
    Shape("anthropic", "sk-", r"sk-ant-[\w\-]{20,}"),
    Shape("openrouter", "sk-", r"sk-or-[\w\-]{20,}"),
    Shape("openai", "sk-", r"sk-[\w\-]*[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20,}"),
    Shape("api-key", "sk-", _EDGE + r"sk-(?=[A-Za-z_\-]*[0-9])[\w\-]{24,}"),
    Shape("pypi", "pypi-AgE", r"pypi-AgE[\w\-]{50,}"),
    Shape("sendgrid", "SG.", r"SG\.[\w\-]{22}\.[\w\-]{43}"),
    Shape("softlayer", "/soap/", r"(?i:https?://api\.softlayer\.com/soap/v3(?:\.1)?/[a-z0-9]{64})"),
    Shape("square", "sq0", r"sq0[a-z]{3}-[\w\\\-]{22,}"),
    Shape("stripe", "k_live_ k_test_", r"[rs]k_(?:live|test)_[0-9A-Za-z]{24,}"),
    Shape("twilio", "AC SK", _EDGE + r"(?:AC|SK)[a-z0-9]{32}"),
    Shape("huggingface", "hf_ api_org_", _EDGE + r"(?:hf|api_org)_[A-Za-z0-9]{30,}"),
    Shape("wandb", "local- wandb_v", _EDGE + r"(?:local-[0-9a-f]{40}|wandb_v[0-9]_\w{40,})"),
    Shape("google", "AIza GOCSPX-", r"(?<![\w+/\-])(?:AIza[\w\-]{35}|GOCSPX-[\w\-]{24,})"),
    Shape("replicate", "r8_", _EDGE + r"r8_[A-Za-z0-9]{30,}"),
    Shape("databricks", "dapi", _EDGE + r"dapi[0-9a-f]{32}"),
    Shape("groq", "gsk_", _EDGE + r"gsk_[A-Za-z0-9]{40,}"),
    Shape("nvidia", "nvapi-", _EDGE + r"nvapi-[\w\-]{40,}"),
    Shape("langsmith", "lsv2_", _EDGE + r"lsv2_[a-z]{2}_[0-9a-f]{32}(?:_[0-9a-f]+)?"),
    Shape(
        "artifactory",
        "AKC AP",
        r"(?<![\w+/\-])(?:AKC[A-Za-z0-9]{17,}|AP[0-9A-F][A-Za-z0-9]{17,})(?![+/])",
    ),
]


def _any_of(words: Iterable[bytes]) -> bytes:
    """A pattern for any of some words, grouped by first letter so that few branches are tried."""
    grouped: dict[bytes, list[bytes]] = {}
    for word in sorted(set(words), reverse=True):
        grouped.setdefault(word[:1], []).append(re.escape(word[1:]))
    return b"|".join(
        re.escape(first) + b"(?:" + b"|".join(rests) + b")" for first, rests in grouped.items()
    )


HEADS = pattern(_any_of(head for shape in SHAPES for head in shape.heads))
"""One of these stands in every token of a kind that has heads. A pass over a word, no more."""

BY_HEAD: dict[bytes, list[Shape]] = {}
for _one in SHAPES:
    for _head in _one.heads:
        BY_HEAD.setdefault(_head, []).append(_one)

DISCORD = Shape("discord", "", r"[MNO][\w\-]{23,25}\.[\w\-]{6}\.[\w\-]{27,38}")
"""Has no head, but a full stop behind its first run of token characters."""
TELEGRAM = Shape("telegram", "", r"[0-9]{8,10}:[\w\-]{35}(?![\w\-])")
"""Has no head, but a colon before its run of token characters."""

MIXED_KINDS = frozenset({"api-key", "artifactory", "telegram"})
"""Kinds whose shape alone is weak: they must also look random."""

# Group 1 is the secret. Searched in lower-cased bytes, so that no case has to be ignored.
CONTEXTS: list[tuple[str, re.Pattern[bytes]]] = [
    (
        "aws",
        pattern(
            rb"aws[^\r\n]{0,20}?(?:key|pwd|pw|password|pass|token)[^\r\n]{0,20}?"
            rb"[\"']([0-9a-z/+]{40})[\"']"
        ),
    ),
]

WANDB_BEFORE = pattern(rb"(?:wandb[^\r\n]{0,60}(?:key|login)|api[ _\-]?key)[^\r\n]{0,60}\Z")
"""What stands on the line before an older key of W&B, which is 40 hexadecimal digits."""

URL_PASSWORD = pattern(
    rb"://[^\s:/@\"'<>\[\]\x1b]{0,256}:([^\s/\"'<>\[\]\x1b]{1,512})@(?=[A-Za-z0-9\[_])"
)
"""The password of `scheme://user:password@host`, in group 1."""

PRIVATE_KEY = Shape(
    "private-key",
    "",
    r"-{4,5} ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}"
    r"(?:[^\r\n]{0,65536}?(-{4,5} ?END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5})|[^\r\n\"']*)"
    r"|(PuTTY-User-Key-File)-[0-9][^\r\n]*",
)
"""The first line of a private key, or all of one that stands on one line: then group 1 is set."""

PRIVATE_KEY_END = Shape(
    "private-key",
    "",
    r"[^\r\n]*?-{4,5} ?END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}|Private-MAC:[^\r\n]*",
)
PRIVATE_KEY_LINE = Shape(
    "private-key",
    "",
    r"[ \t|>\"'#+\-]*(?:[A-Za-z0-9+/=]{0,128}"
    r"|(?:Proc-Type|DEK-Info|Version|Comment|Encryption|Public-Lines|Private-Lines"
    r"|Key-Derivation|Argon2-[A-Za-z]+):[^\r\n]*)(?:\\n|[\"',])*[ \t]*[\r\n]?",
)
"""A line that can stand inside a private key."""

_COLOUR = rb"(?:\x1b\[[0-9;]*m)*"
# Either an assignment, or a blank before something long.
_ASSIGNED = (
    rb"(?:\\?[\"'`\])]){0,3}" + _COLOUR + rb"(?:[ \t]{0,4}(?::=|=>|!?={1,3}|::?)[ \t]{0,4}"
    rb"|[ \t]{1,4}(?=[\"']?[!-~]{20}))"
    + _COLOUR
    + rb"(?=[bru]{0,2}[\"'`\\]{0,2}[^\s\"'`,;&<>{}\x1b]{5})"
)
NAMES: list[re.Pattern[bytes]] = [
    pattern(word + rb"([a-z0-9_\-]{0,24})" + _ASSIGNED)
    for word in (
        rb"key",
        rb"token",
        rb"passw",
        rb"passphrase",
        rb"pwd",
        rb"secret",
        rb"credential",
        rb"auth",
    )
]
"""Names that may hold a secret, up to where the value begins; group 1 is the rest of the name."""

VALUE = pattern(
    rb"(?:[bBrRuUfF]{0,2}\\?([\"'`]))?(?:(?i:bearer|basic|token)[ \t]+)?"
    rb"([^\s\"'`,;&<>{}\x1b\\]+)"
)
"""A value: group 1 the quote it stands in, group 2 the value."""
QUOTED = {
    quote: pattern(rb"((?:[^\r\n\x1b\\" + quote + rb"]|\\[^\r\n" + quote + rb"])+)\\?" + quote)
    for quote in (b'"', b"'", b"`")
}

_ALWAYS = frozenset(
    "password passwd passphrase passcode pwd secret secrets credential credentials apikey "
    "accesskey secretkey privatekey accountkey authkey apitoken accesstoken authtoken "
    "authorization accesskeysecret".split()
)
_KEY_OF = frozenset(
    "api access secret private priv account auth service client db database encryption signing "
    "master ssh shared storage subscription license webhook wandb comet openai anthropic hf "
    "huggingface cohere mistral groq replicate pinecone gemini google azure aws openrouter "
    "together neptune cloudant clou cl softlayer sl ibm iam cloud cos hmac".split()
)
_TOKEN_OF = _KEY_OF | frozenset(
    "hub github gh gitlab gl slack npm pypi telegram discord kaggle dagshub bitbucket jira bot user "
    "refresh bearer session csrf xsrf id identity personal deploy job ci registry app login oauth "
    "jwt pat web security write read upload pull push".split()
)
_SUFFIXES = frozenset("value prod dev test staging secure str old new".split())
_WORDS = pattern(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@lru_cache(4096)
def secret_name(name: str) -> bool:
    """Whether a setting, option or key of this name holds a secret, from its words alone."""
    words = [word.lower() for word in _WORDS.findall(name)]
    while words and (words[-1].isdigit() or words[-1] in _SUFFIXES):
        words.pop()
    if not words:
        return False
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last in ("key", "pass"):
        return before in _KEY_OF
    if last == "token":  # a padding token, say, is none of these
        return before in _TOKEN_OF or name.rpartition(".")[2].strip("-_").lower() == "token"
    return last in _ALWAYS


@lru_cache(4096)
def strength(name: bytes) -> Literal["none", "weak", "strong"]:
    """How surely a name in running text holds a secret.

    A weak one holds a secret only where its value looks random: a bare `token` or `key` is a word
    of the trade.
    """
    text = name.decode("latin-1")
    if text.lower() not in ("token", "secret", "auth") and secret_name(text):
        return "strong"
    ends = text.lower().rstrip("0123456789_-")
    if ends.endswith(("token", "key", "pass", "secret", "auth", "pwd", "password", "credential")):
        return "weak"
    return "none"


_DIGITS = pattern(rb"[0-9]")
_PLAIN = pattern(rb"[A-Za-z_][A-Za-z_.\-]*[.:!?]?")
_CODE = pattern(rb"[A-Za-z_][A-Za-z0-9_.]*[(\[]")
_DOTTED = pattern(rb"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)+")
_NUMBER = pattern(rb"[0-9.,:eE+\-%/xk]+")
_TELLING = pattern(rb"[0-9!@#$%^*+=/~?|\\]")
_PLACEHOLDERS = frozenset(
    b"none null true false nil undefined required missing invalid unset empty default optional "
    b"redacted hidden masked password secret token changeme".split()
)


def looks_random(value: bytes, length: int = SHORTEST) -> bool:
    """Whether a value has the mix of a generated secret: upper, lower and digits, long enough."""
    return (
        len(value) >= length
        and len(_DIGITS.findall(value)) >= 2
        and value.lower() != value
        and value.upper() != value
        and not set(value) & set(b".:()[]")
    )


def is_harmless(value: bytes) -> bool:
    """Whether a value cannot be a secret whatever its name: a placeholder, a mark, a path."""
    if value.lower() in _PLACEHOLDERS or len(set(value)) <= 2 or b"[secret:" in value:
        return True
    if value[:1] in b"<$({[%" or value[:2] == b"**":
        return True
    is_path = value[:1] in b"/~" or value[:2] in (b"./", b"..")
    return is_path and not (len(value) >= 40 and looks_random(value))


def is_value(value: bytes, sureness: Literal["weak", "strong"], quoted: bool) -> bool:
    """Whether the value of a name of that strength, in running text, is a secret."""
    if is_harmless(value):
        return False
    if sureness == "weak":
        return looks_random(value)
    if len(value) < 6 or _CODE.match(value):
        return False
    if quoted:
        return b" " not in value or bool(_DIGITS.search(value))
    if _NUMBER.fullmatch(value) or _PLAIN.fullmatch(value) or _DOTTED.fullmatch(value):
        return False
    return _TELLING.search(value) is not None


def is_known_value(value: str) -> bool:
    """Whether the value of a secret-looking environment variable can be looked for everywhere.

    A short one, a plain word, a number or a path would mask ordinary output.
    """
    raw = value.encode("utf-8", "surrogateescape")
    if len(raw) < 8 or is_harmless(raw) or _NUMBER.fullmatch(raw):
        return False
    return not (len(raw) < 24 and re.fullmatch(rb"[A-Za-z]+(?:[ _\-][A-Za-z]+)*", raw))


def secret_variable(name: str) -> bool:
    """Whether an environment variable of this name holds a secret."""
    ends = "KEY TOKEN SECRET PASSWORD PASSWD PASSPHRASE CREDENTIALS CREDENTIAL LABHAND_NOTIFY"
    return name.upper().endswith(tuple(ends.split()))
