"""An instruction in tokens: words, numbers with their units, marks; each knows its place in the text."""

import re
from typing import Literal, NamedTuple

Kind = Literal["word", "number", "mark", "quoted"]


class Token(NamedTuple):
    """One piece of the text. `glued`: no blank before it. `value`: of a number, its unit taken in.

    `unit` is what a number carried that is no plain factor: `%`, `x`, or `s` for seconds. `digits`
    holds `0,1` in parts, where a comma may as well stand between two numbers.
    """

    text: str
    low: str
    kind: Kind
    start: int
    end: int
    glued: bool
    value: float | int = 0
    unit: str = ""
    digits: tuple[int, ...] = ()


_PLAIN = {
    "“": '"', "”": '"', "„": '"', "’": "'", "‘": "'", "–": "-", "—": " - ", "−": "-", "→": "->",
    "⇒": "->", "×": "x", "½": "0.5", "¼": "0.25", "\u00a0": " ", "\u202f": " ", "∈": " in ",
    "\t": " ", "…": "...", "±": "+-",
}  # fmt: skip
_TOKEN = re.compile(
    r"""
    (?P<quoted>"[^"\n]+"|`[^`\n]+`|(?<!\w)'[^'\n]+'(?!\w))
  | (?P<path>(?<![\w.)\]}])(?:~|\.{1,2})?/[A-Za-z_][\w.-]*(?:/[\w.-]+)*(?<!\.)
      |(?<![\w/.-])[\w-][\w./-]*\.(?:jsonl?|csv|tsv|txt|ckpt|pth?(?:\.tar)?|onnx|bin|safetensors|ya?ml|np[yz]|parquet|pkl|h5)\b)
  | (?P<sized>(?<![\w.])[1-4]D\b)
  | (?P<number>
        (?<![\w.])(?:10|2)(?:\^|\*\*)-?\d+
      | \d{1,2},\d{3}(?:,\d{3})*(?![\d,.])(?<=00) | \d{3},000(?:,\d{3})*(?![\d,])
      | 0,\d+(?!,\d|\d)
      | (?:(?<![\w.)\]%])-)?(?:\d[\d_]*(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][+-]?\d+(?!\w))?
    )(?P<unit>%|(?i:hours?|hrs?|h|minutes?|mins?|min|seconds?|secs?|sec|s|days?|d)(?![\w])
      |[kKmMbB](?![A-Za-z0-9_])|[xX](?![A-Za-z0-9_]))?
  | (?P<times>(?<![\w.])(?!x0(?!\d|\.\d))[xX*](?=\s?\d))
  | (?P<word>[^\W\d_][^\W_]*(?:'(?:t|ll|re|ve|d|m)\b)?)
  | (?P<mark>->|=>|==|\.\.\.?|--|\*\*|'s\b|[^\w\s]|_|\n)
    """,
    re.VERBOSE,
)
_SHORT = (
    (
        re.compile(
            r"\b(\d{2,4}) ?-?(?:d|dim|dimensional) (?=(?:word |glove )?(?:embed|vector|hidden|latent))",
            re.I,
        ),
        r"\1 ",
    ),
    (re.compile(r"\b(\d+(?:\.\d+)?) ?khz\b", re.I), r"\1k hz"),
    (
        re.compile(
            r"\b((?:drop|decay|cut|reduce|lower) (?:the )?(?:lr|learning rate) at) (?:the )?(?:epochs?|steps?|iterations?) (?=\d)",
            re.I,
        ),
        r"\1 ",
    ),
    (re.compile(r"\b([5-9]\d|[1-9]\d{2,3})-?d\b"), r"\1 dim"),  # no budget has so many days
    (re.compile(r"(?<![\w-])(bsz?|batch|ep|epochs?)(\d{2,}k?)(?![\w-])", re.I), r"\1 \2"),
    (re.compile(r"(?<![\w-])(lr|wd|dropout)(\d*\.?\d+e-?\d+|0?\.\d+)(?![\w-])", re.I), r"\1 \2"),
    (re.compile(r"(\d) ?(?:million|mio)\b", re.I), r"\1M"),
    (re.compile(r"(\d) ?(?:thousand|tsd)\b", re.I), r"\1k"),
    (re.compile(r"(\d) ?billion\b", re.I), r"\1B"),
    (re.compile(r"\b(?:two|2)[- ]thirds(?= (?:of )?(?:the|its|as|that))", re.I), "0.6666667x"),
    (re.compile(r"\b(?:three|3)[- ]quarters(?= (?:of )?(?:the|its|as|that))", re.I), "0.75x"),
    (re.compile(r"\b(16|32)[- ]bit\b", re.I), r"fp\1"),
    (
        re.compile(
            r"\b(\d{2,4}) ?x ?\1(?: ?(?:px|pixels?))?(?= images?\b| inputs?\b| crops?\b|,|$)", re.I
        ),
        r"\1 px",
    ),
    (re.compile(r"\bwarm[- ]ups?\b", re.I), "warmup"),
    (re.compile(r"\bhalf[- ]precision\b", re.I), "fp16"),
    (re.compile(r"\b(?:full|single)[- ]precision\b", re.I), "fp32"),
    (re.compile(r"\bdouble[- ]precision\b", re.I), "float64"),
    (re.compile(r"\b([A-Za-z_][\w.-]*) ?= ?([A-Za-z_][\w.-]*) ?= ?([^\s,;=]+)"), r"\1=\3, \2=\3"),
    (
        re.compile(
            r"\b(validate|evaluate|eval|log|print|save|checkpoint) (?:only|just) every\b", re.I
        ),
        r"\1 every",
    ),
    (re.compile(r"(?<=[\w}\]).]) +x +(?=[A-Za-z]|[{\[(](?![\d. ,]+[}\])]))"), " and "),
    (re.compile(r"(?<=[}\])]) +x +(?=[{\[(])"), " and "),
    (
        re.compile(
            r" x +(?=(?:\d+|two|three|four|five|ten) (?:random |different )?seeds?\b)", re.I
        ),
        ", ",
    ),
)
"""Other ways to write things, and the one that is read."""
_SPELLED = re.compile(
    r"\b(?P<count>half a|a|one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|fifty)"
    r" (?P<hundred>hundred )?(?P<of>thousand|million|billion)\b",
    re.I,
)
_SPACES = re.compile(
    r"(?:\w+\.)?(?P<how>lin|log|geom)space\(\s*(?P<low>-?[\d.e-]+)\s*,\s*(?P<high>-?[\d.e-]+)\s*,\s*"
    r"(?:num\s*=\s*)?(?P<count>\d+)\s*\)"
)
"""Points as numpy spaces them."""
_FACTORS = {"k": 1_000, "K": 1_000, "M": 1_000_000, "m": 1_000_000, "B": 10**9, "b": 10**9}
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_OF_TIME = re.compile(r"(?P<h>\d+)\s?h\s?(?P<m>\d+)\s?(?:m|min)?\b")

NUMBER_WORDS = {
    word: value
    for value, words in enumerate(
        "zero|null;one;two|zwei|couple;three|drei;four|vier;five|fünf|fuenf;six|sechs;seven|sieben;"
        "eight|acht;nine|neun;ten|zehn;eleven|elf;twelve|dozen|zwölf".split(";")
    )
    for word in words.split("|")
    if word != "null"
} | {"fifteen": 15, "sixteen": 16, "twenty": 20, "thirty": 30, "fifty": 50, "hundred": 100}


def tokens(text: str) -> tuple[str, list[Token]]:
    """The text as it is read, typography made plain, and its tokens in order."""
    for odd, plain in _PLAIN.items():
        text = text.replace(odd, plain)
    for pattern, plainer in _SHORT:
        text = pattern.sub(plainer, text)
    if re.search(r"\b\d+L\b", text):  # 12L 12H 768d, as papers write it
        for letter, word in (("L", "layers"), ("H", "heads"), ("[dD]", "width")):
            text = re.sub(rf"\b(\d+){letter}\b", rf"\1 {word}", text)
    text = _SPELLED.sub(_in_digits, text)
    text = _SPACES.sub(_spaced, text)
    text = _OF_TIME.sub(lambda m: f"{int(m['h']) * 60 + int(m['m'])}min", text)
    text = re.sub(r"(\d*\.?\d*[eE]-?)\{([\d,\s-]+)\}", _expanded, text)
    text = re.sub(r"\{([\d.,\s]+)\}([eE]-?\d+)", _expanded_before, text)
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            at += 1
            continue
        found.append(_token(match, glued=at > 0 and bool(found) and found[-1].end == at))
        at = match.end()
    return text, found


def _in_digits(match: re.Match[str]) -> str:
    """`two hundred thousand` in digits."""
    count = {"half a": 0.5, "a": 1.0}.get(match["count"].lower())
    count = NUMBER_WORDS[match["count"].lower()] if count is None else count
    factor = {"thousand": 1_000, "million": 1_000_000, "billion": 10**9}[match["of"].lower()]
    return str(int(count * factor * (100 if match["hundred"] else 1)))


def _spaced(match: re.Match[str]) -> str:
    """`logspace(-4, -2, 5)` as a range in words."""
    low, high, log = match["low"], match["high"], match["how"] != "lin"
    if match["how"] == "log":
        low, high = f"1e{int(float(low))}", f"1e{int(float(high))}"
    return f"{low} to {high} {'log' if log else 'linear'} {match['count']} points"


def _expanded(match: re.Match[str]) -> str:
    return ", ".join(f"{match[1]}{part.strip()}" for part in match[2].split(","))


def _expanded_before(match: re.Match[str]) -> str:
    return ", ".join(f"{part.strip()}{match[2]}" for part in match[1].split(","))


def _token(match: re.Match[str], glued: bool) -> Token:
    text, start, end = match.group(), match.start(), match.end()
    if match["quoted"]:
        return Token(text[1:-1], text[1:-1].lower(), "quoted", start, end, glued)
    if match["path"]:
        return Token(text, text.lower(), "quoted", start, end, glued)
    if match["number"]:
        return _number(match, glued)
    if match["sized"]:
        return Token(text, text.lower(), "word", start, end, glued)
    if match["word"]:
        low = text.lower().replace("'", "")
        value = NUMBER_WORDS.get(low)
        return Token(text, low, "word", start, end, glued, value or 0)
    if match["times"]:
        return Token(text, "x", "mark", start, end, glued)
    return Token(text, text, "mark", start, end, glued)


def _number(match: re.Match[str], glued: bool) -> Token:
    written, unit = match["number"], match["unit"] or ""
    digits: tuple[int, ...] = ()
    power = re.fullmatch(r"(10|2)(?:\^|\*\*)(-?\d+)", written)
    if power:
        value: float | int = float(power[1]) ** int(power[2])
        value = int(value) if int(power[2]) >= 0 else value
    elif re.fullmatch(r"0,\d+", written):
        value = float(written.replace(",", "."))
        digits = tuple(int(part) for part in written.split(","))
    else:
        value = plain(written.replace(",", ""))
    if unit in _FACTORS and unit != "m":
        value = whole(value * _FACTORS[unit])
        unit = ""
    elif unit and unit not in "%xXm":
        value = value * SECONDS[unit[0].lower()]
        unit = "s"
    return Token(
        match.group(), match.group().lower(), "number", match.start(), match.end(), glued, value,
        unit.lower(), digits,
    )  # fmt: skip


def plain(text: str) -> float | int:
    """The number that a text writes: an int where it is written as one."""
    try:
        return int(text.replace("_", ""))
    except ValueError:
        return float(text.replace("_", ""))


def whole(value: float | int) -> float | int:
    """An int where the value is one."""
    return int(value) if value == int(value) else value
