"""Faults put into clean texts, chats and preference pairs, each at known rows and of known severity."""

import re
import sysconfig
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labhand.scan.corruption import Problem, task

if TYPE_CHECKING:
    import numpy as np

Row = dict[str, Any]
Spoiler = Callable[[str, "np.random.Generator", float], str]
"""A text, chance, and severity (0 to 1) → the text with the fault."""
SHARE = 0.04
LEAST, MOST = 25, 90
"""Words of the clean texts."""


_TOLD = re.compile(r'(?:def|class) (\w+)[^\n]*:\n\s+r?"""(.*?)"""', re.S)


@lru_cache(1)
def prose() -> list[tuple[str, str]]:
    """Names and last paragraphs of docstrings of Python's own library; no two are alike."""
    root = Path(sysconfig.get_path("stdlib"))
    made: list[tuple[str, str]] = []
    seen: list[set[str]] = []
    packages = (
        "asyncio concurrent ctypes email http importlib json logging multiprocessing unittest xml"
    )
    folders = [root, *(root / name for name in packages.split())]
    for path in (p for folder in folders for p in sorted(folder.glob("*.py"))):
        for name, told in _TOLD.findall(path.read_text(encoding="utf-8", errors="replace")):
            text = " ".join(told.strip().split("\n\n")[-1].split())
            words = set(text.lower().split())
            if _is_prose(text) and all(len(words & s) < 0.45 * len(words | s) for s in seen):
                made.append((f"{path.stem}.{name}", text))
                seen.append(words)
    return made


def _is_prose(text: str) -> bool:
    return (
        LEAST <= len(text.split()) <= MOST
        and len(re.findall(r"\. [A-Z]", text)) >= 1
        and text[-1] == "."
        and text[0].isupper()
        and not re.search(r"[<>{}@`=|\\*]|https?:", text)
    )


def clean_texts(rows: int = 300) -> Iterator[tuple[str, list[Row]]]:
    """Clean data of four forms: texts with a label, chats, instructions with answers, preference pairs."""
    some = prose()[: 2 * rows]
    first, second = some[:rows], some[rows:]
    yield "texts", [{"text": text, "label": len(text) % 3} for _, text in first]
    yield "chats", [
        {"messages": [
            {"role": "user", "content": f"What does `{name}` do in Python?"},
            {"role": "assistant", "content": text},
        ]}
        for name, text in first
    ]  # fmt: skip
    yield (
        "answers",
        [
            {"instruction": f"Explain `{name}` of Python's library.", "input": "", "output": text}
            for name, text in first
        ],
    )
    yield (
        "pairs",
        [
            {"prompt": f"What is `{name}` for?", "chosen": text, "rejected": other}
            for (name, text), (_, other) in zip(first, second, strict=False)
        ],
    )


def mojibake(text: str, generator: "np.random.Generator", severity: float) -> str:
    """Reads signs of UTF-8 as Windows-1252, or loses letters."""
    letters = list(text)
    places = [i for i, c in enumerate(letters) if c in "aeiou'\""]
    for at in generator.choice(places, max(1, int(severity * 6)), replace=False):
        swapped = {
            "a": "Ã¡",
            "e": "Ã©",
            "i": "\ufffd",
            "o": "Ã³",
            "u": "Ã¼",
            "'": "â€™",
            '"': "â€œ",
        }
        letters[int(at)] = swapped[letters[int(at)]]
    return "".join(letters)


def cut(text: str, generator: "np.random.Generator", severity: float) -> str:
    """Breaks the text off within a sentence."""
    keep = int(len(text) * float(generator.uniform(0.4, 0.9)))
    return text[:keep].rstrip(" .!?)")


def loop(text: str, generator: "np.random.Generator", severity: float) -> str:
    """Repeats a phrase at the end."""
    words = text.split()
    at = int(generator.integers(3, len(words) - 6))
    phrase = " ".join(words[at : at + int(generator.integers(3, 7))])
    return " ".join([*words[:at], *[phrase] * (4 + int(8 * severity))])


FOREIGN = (
    "Das Wetter war gestern nicht so gut, aber wir sind trotzdem mit den Kindern in den Park gegangen und haben dort gespielt.",
    "Le train est arrivé en retard ce matin et les passagers ont dû attendre plus d'une heure dans le froid sur le quai.",
    "La reunión de ayer fue muy larga, pero al final todos los miembros del equipo estaban de acuerdo con la propuesta.",
    "Вчера вечером мы долго гуляли по набережной и говорили о том, как изменился наш город за последние годы.",
    "昨日は友達と一緒に新しいレストランへ行って、とてもおいしい料理を食べました。",
)  # fmt: skip


def foreign(text: str, generator: "np.random.Generator", severity: float) -> str:
    """A text in another language."""
    return f"{generator.choice(FOREIGN)} ({int(generator.integers(1000))})"


def refusal(text: str, generator: "np.random.Generator", severity: float) -> str:
    """A refusal in front of the text, or alone."""
    said = (
        "As an AI language model, I cannot help with that.",
        "I'm sorry, but I can't assist with that request.",
        "Unfortunately, I am unable to provide this information.",
    )
    return str(generator.choice(said)) + ("" if severity > 0.5 else f" {text}")


def leak(text: str, generator: "np.random.Generator", severity: float) -> str:
    """Marks of a template within the text."""
    marks = (
        "<|im_end|>",
        "</s>",
        "\n\n### Response:",
        "[/INST]",
        "<p>Dear {{name}},</p>",
        "&nbsp;&amp;nbsp;",
    )
    words = text.split(" ")
    at = int(generator.integers(1, len(words)))
    return " ".join([*words[:at], str(generator.choice(marks)), *words[at:]])


def person(text: str, generator: "np.random.Generator", severity: float) -> str:
    """How to reach somebody."""
    number = int(generator.integers(1000, 9999))
    told = (f"maria.keller{number}@gmail.com", f"+49 170 555{number}", f"(415) 328-{number}")
    return f"{text} Contact: {generator.choice(told)}."


def key(text: str, generator: "np.random.Generator", severity: float) -> str:
    """A key of a cloud or a hub."""
    letters = list("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789")
    tail = "".join(generator.choice(letters, 36))
    heads = ("ghp_", "hf_", "AKIA")
    head = str(generator.choice(heads))
    return f"{text} Use {head}{tail.upper()[:16] if head == 'AKIA' else tail} for it."


def blank(text: str, generator: "np.random.Generator", severity: float) -> str:
    """Nothing, or what stands for it."""
    return str(generator.choice(["", "   ", "N/A", "...", "[deleted]"]))


def long(text: str, generator: "np.random.Generator", severity: float) -> str:
    """Many texts run into one."""
    some = prose()
    return " ".join(some[int(i)][1] for i in generator.integers(len(some), size=60))


def edited(text: str, generator: "np.random.Generator", severity: float) -> str:
    """The text with some of its words changed, doubled or left out."""
    words = text.split()
    for _ in range(max(1, round(len(words) * 0.1 * severity))):
        at = int(generator.integers(len(words)))
        if generator.random() < 0.5:
            del words[at]
        else:
            words[at] = str(generator.choice(["indeed", "value", "that", "object"]))
    return " ".join(words)


def reckoned(text: str, generator: "np.random.Generator", severity: float) -> str:
    """A calculation with a wrong result."""
    a, b = (int(x) for x in generator.integers(3, 90, size=2))
    return f"{text} In all it is {a} + {b} = {a + b + int(generator.integers(1, 9))}."


SPOILERS: dict[str, Spoiler] = {
    "encoding-damage": mojibake,
    "truncated-text": cut,
    "repetition": loop,
    "language-odd": foreign,
    "boilerplate": refusal,
    "template-leak": leak,
    "personal-data": person,
    "secret": key,
    "empty-text": blank,
    "overlong": long,
    "wrong-arithmetic": reckoned,
}
"""What spoils one text, by the rule that should speak of it."""


def _answer(row: Row, change: Callable[[str], str]) -> Row:
    """The row with its text, or the answer in it, changed."""
    if "messages" in row:
        *before, last = row["messages"]
        return {"messages": [*before, {**last, "content": change(last["content"])}]}
    name = next(n for n in ("text", "output", "chosen") if n in row)
    return {**row, name: change(row[name])}


def swap_roles(row: Row) -> Row:
    """The assistant before the user."""
    return {"messages": row["messages"][::-1]}


def no_answer(row: Row) -> Row:
    """The conversation without its last turn."""
    return {"messages": row["messages"][:-1]}


def both_equal(row: Row) -> Row:
    """The chosen answer on both sides."""
    return {**row, "rejected": row["chosen"]}


STRUCTURAL: dict[str, tuple[str, Callable[[Row], Row]]] = {
    "role-order": ("chats", swap_roles),
    "missing-answer": ("chats", no_answer),
    "preference-equal": ("pairs", both_equal),
}
"""What spoils a whole row of one form of data, by rule."""


def spoilt(
    form: str, rows: list[Row], generator: "np.random.Generator", severity: float = 0.6
) -> Iterator[tuple[str, list[Row], list[int]]]:
    """The rule, the data and the rows with the fault, for every fault that the form of data can have."""
    number = max(3, round(SHARE * len(rows)))
    for rule, spoil in SPOILERS.items():
        if form == "pairs" and rule == "wrong-arithmetic":
            continue
        chosen = sorted(int(i) for i in generator.choice(len(rows), number, replace=False))
        made = list(rows)
        for i in chosen:
            made[i] = _answer(rows[i], lambda t, s=spoil: s(t, generator, severity))  # type: ignore[misc]
        yield rule, made, chosen
    for rule, (wanted, change) in STRUCTURAL.items():
        if form == wanted:
            chosen = sorted(int(i) for i in generator.choice(len(rows), number, replace=False))
            yield rule, [change(r) if i in chosen else r for i, r in enumerate(rows)], chosen
    chosen = sorted(int(i) for i in generator.choice(len(rows), number, replace=False))
    added = [_answer(rows[i], lambda t: edited(t, generator, severity)) for i in chosen]
    yield "near-duplicate", [*rows, *added], list(range(len(rows), len(rows) + len(added)))


def text_problems(seed: int = 0, rows: int = 150, severity: float = 0.6) -> Iterator[Problem]:
    """Each form of data clean, and with each fault; the same for the same seed on one Python."""
    import numpy as np

    from labhand.scan.readers.json import framed

    for form, clean in clean_texts(rows):
        yield Problem(task(f"{form}:clean:{seed}", "", []), framed(clean))
        for rule, made, chosen in spoilt(form, clean, np.random.default_rng(seed), severity):
            yield Problem(task(f"{form}:{rule}:{seed}", rule, chosen), framed(made))
