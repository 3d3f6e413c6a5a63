"""What well-known programs print, each format exactly: one function a format.

A function gets the line (no colours, no time stamp in front) and the memory of the stream, and
answers what the line says, or None where the line is not of its format.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from labhand.kit.lines_pairs import NUMBER, is_never, name, number
from labhand.kit.patterns import pattern


class Printed(NamedTuple):
    """What a line of output says. `step` and `epoch` are None where the line does not tell."""

    step: int | None
    epoch: float | None
    values: dict[str, float]


class Memory:
    """What earlier lines told: the epoch, the tables that are open, the bars that have run."""

    def __init__(self) -> None:
        self.epoch: float | None = None
        self.first_epoch = 1
        self.begun = False
        self.table: list[str] = []
        self.block: dict[str, float] | None = None
        self.group = ""
        self.summary = False
        self.bars: dict[tuple[str, int], tuple[int, int]] = {}
        self.counted: dict[int, tuple[float, int, bool]] = {}

    def opened(self) -> bool:
        """Whether a table is open, to which the next line may belong."""
        return bool(self.table) or self.summary or self.block is not None

    def in_epoch(self, epoch: float | None) -> float | None:
        """Remembers the epoch. Epochs count from 0 where a 0 has been seen, else from 1."""
        if epoch is not None:
            self.first_epoch = 0 if epoch == 0 else self.first_epoch
            self.epoch = epoch
        return epoch

    def running(self, epoch: float | None, n: int, total: int) -> int:
        """The step over all epochs of the n-th of `total` in this epoch; n without an epoch."""
        if epoch is None:
            return n
        self.in_epoch(epoch)
        return (int(epoch) - self.first_epoch) * total + n

    def within(self, epoch: float, n: int, total: int) -> int:
        """The step of `step n/total` beside an epoch: counted anew in each epoch, or over all.

        Told apart by whether the count has gone back as the epoch went on.
        """
        last_epoch, last, anew = self.counted.get(total, (epoch, n, False))
        anew = anew or (epoch > last_epoch and n <= last)
        self.counted[total] = (epoch, n, anew)
        return self.running(epoch, n, total) if anew else n

    def bar(self, label: str, n: int, total: int) -> int:
        """The step of a bar without an epoch: one that starts again goes on counting."""
        last, before = self.bars.get((label, total), (0, 0))
        before += total if n < last else 0
        self.bars[label, total] = (n, before)
        return before + n


Format = Callable[[str, Memory], Printed | None]

_TRUSTED = pattern(
    rf"([A-Za-z][\w./@%'\-]*(?: [A-Za-z(][\w@%()\-]*)*)\s*[:=]\s*['\"]?({NUMBER})(?![\w.]*:\d)"
    r"(?:ms|us|s|%)?(?!\w)",
    re.I,
)
_ETA = pattern(r"^(eta|remaining|total|best|memory|max mem|max_mem|mem|cuda mem|gpu_mem)$", re.I)
_SIDE = pattern(r"\b(val|valid|validation|eval|evaluat\w*|test|testing|dev)\b", re.I)


def side(text: str) -> str:
    """`val/`, `test/` or nothing: the part of the data that a label speaks of."""
    found = _SIDE.search(text.replace("_", " "))
    if not found:
        return ""
    return "test/" if found.group().lower().startswith("test") else "val/"


def trusted(text: str) -> dict[str, float]:
    """Every `name: number` of a text that is known to hold metrics only."""
    found = {}
    for key, text_value in _TRUSTED.findall(text):
        value = number(text_value)
        if value is not None and not _ETA.match(key.strip()):
            found[name(key)] = value
    return found


def _nanogpt(text: str, memory: Memory) -> Printed | None:
    found = re.match(r"(?:iter|step)[ :]+(\d+)(?:/\d+)?[: ]+(.*)", text)
    if not found:
        return None
    items = re.findall(
        rf"((?:train |val )?[a-z_]+)[ :]+({NUMBER})\s?(?:ms|s|%)?(?=,|\s|$)", found[2], re.I
    )
    rest = re.sub(
        rf"((?:train |val )?[a-z_]+)[ :]+({NUMBER})\s?(?:ms|s|%)?(?=,|\s|$)",
        "",
        found[2],
        flags=re.I,
    )
    if not items or rest.strip(" ,|"):
        return None
    return Printed(int(found[1]), None, {name(k): float(v) for k, v in items})


def _object(text: str, memory: Memory) -> Printed | None:
    """A JSON object or a Python dict: HF Trainer old and new, fairseq, one's own."""
    begin = text.find("{")
    if begin < 0 or not text.rstrip().endswith("}"):
        return None
    body = text[begin:].rstrip()
    entries = _decoded(body)
    if not entries:
        return None
    values = {str(k): v for k, v in _flat(entries, "").items()}
    step = next((values.pop(k) for k in _STEPS if k in values), None)
    epoch = values.pop("epoch", None)
    kept = {k: v for k, v in values.items() if not is_never(k) or "loss" in k or "per_second" in k}
    if step is None and epoch is None and not any(_metric_like(k) for k in kept):
        return None
    if not kept:
        return None
    whole = int(step) if step is not None and float(step).is_integer() else None
    return Printed(whole, memory.in_epoch(epoch), kept)


_STEPS = ("step", "global_step", "num_updates", "iter", "iteration", "_step", "trainer/global_step")
_PYTHON = pattern(r"""'((?:[^'\\]|\\.)*)'\s*:\s*(?:'([^']*)'|([^,{}\[\]'"]+))\s*(?=[,}])""")


def _decoded(body: str) -> dict[str, Any] | None:
    """The entries of a JSON object or a flat Python dict; None where it is neither."""
    try:
        decoded = msgspec.json.decode(body.replace("NaN", '"nan"'))
        return decoded if isinstance(decoded, dict) else None
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        pass
    return {key: quoted or bare for key, quoted, bare in _PYTHON.findall(body)}


def _flat(entries: dict[str, Any], prefix: str) -> dict[str, float]:
    """The numbers of nested entries, names joined by `/`; what is no number is left out."""
    flat: dict[str, float] = {}
    for key, value in entries.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}/")
        elif isinstance(value, str):
            found = number(value.strip())
            if found is not None and "_" not in value:
                flat[prefix + key] = found
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            flat[prefix + key] = float(value)
    return flat


def _metric_like(key: str) -> bool:
    return bool(
        re.search(r"loss|acc|f1|ppl|reward|score|runtime|_per_second|error|auc|grad_norm", key)
    )


_BAR = pattern(
    r"^(?P<label>[^|]{0,120}?):?\s*(?P<percent>\d{1,3})%\|[^|]*\|\s*(?P<n>\d+)/(?P<total>\d+)"
    r"\s*\[[^\],]*(?:,\s*(?P<post>.*?))?\]?\s*$"
)
_RICH = pattern(
    r"^(?P<label>[^━╸╺]{0,80}?)\s*[━╸╺]+\s*(?P<n>\d+)/(?P<total>\d+)\s+[\d:]+\s*•\s*[\d:\-]+"
    r"\s*(?P<post>.*)$"
)
_EPOCH = pattern(r"\bepoch\b\s*[:=#\[(]*\s*(\d+(?:\.\d+)?)", re.I)
_SPEED = pattern(r"^[\d.?]+\s?(?:[a-zA-Z]+/s|s/[a-zA-Z]+)\s*,?")


def _tqdm(text: str, memory: Memory) -> Printed | None:
    """Bars of tqdm and rich with numbers behind them, Lightning's among them."""
    found = _BAR.match(text) or _RICH.match(text)
    if not found:
        return None
    post = re.sub(r"\S+/s\b,?|\S+s/\w+\b,?", " ", found["post"] or "", count=1)
    values = {k: v for k, v in trusted(post).items() if k != "v_num"}
    if not values:
        return None
    where, label = side(found["label"]), found["label"].strip()
    if where:
        values = {k if side(k) else where + k: v for k, v in values.items()}
        return Printed(None, memory.epoch, values)
    epoch = _EPOCH.search(label)
    n, total = int(found["n"]), int(found["total"])
    if epoch:
        at = float(epoch[1])
        return Printed(memory.running(at, n, total), at, values)
    return Printed(memory.bar(re.sub(r"[\d.]+", "", label), n, total), memory.epoch, values)


def _keras(text: str, memory: Memory) -> Printed | None:
    found = re.match(r"^\s*(\d+)/(\d+)\s+(?:[━╸╺]+|\[[=>.]+\])\s*(.*)$", text)
    if not found or " - " not in found[3]:
        return None
    parts = [p for p in found[3].split(" - ") if ":" in p and "ETA" not in p]
    values = trusted(" - ".join(parts))
    values.pop("ETA", None)
    if not values:
        return None
    step = memory.running(memory.epoch, int(found[1]), int(found[2]))
    return Printed(step, memory.epoch, values)


def _examples(text: str, memory: Memory) -> Printed | None:
    """The lines of pytorch/examples. The running step counts samples, as the line does."""
    if found := re.match(r"Train Epoch:\s*(\d+)\s*\[\s*(\d+)/(\d+)[^\]]*\]\s*(.*)", text):
        values = {f"train/{k}": v for k, v in trusted(found[4]).items()}
        epoch = float(found[1])
        step = memory.running(epoch, int(found[2]), int(found[3]))
        return Printed(step, epoch, values) if values else None
    found = re.match(
        rf"Test set: Average loss:\s*({NUMBER}),\s*Accuracy:\s*(\d+)/(\d+)", text, re.IGNORECASE
    )
    if not found:
        return None
    right = int(found[2]) / max(int(found[3]), 1)
    return Printed(None, memory.epoch, {"test/loss": float(found[1]), "test/accuracy": right})


def _timm(text: str, memory: Memory) -> Printed | None:
    found = re.match(
        r"(Train|Test|Validate)[^:]*:\s*(?:(\d+)\s+)?\[\s*(\d+)/\s*(\d+)[^\]]*\]\s*(.*)", text
    )
    if not found:
        return None
    values = trusted(found[5])
    if not values:
        return None
    if found[1] != "Train":
        where = "test/" if found[1] == "Test" else "val/"
        return Printed(None, memory.epoch, {where + k: v for k, v in values.items()})
    epoch = float(found[2]) if found[2] else None
    # timm's total is the last index's bound: 1251 batches are numbered 0 to 1250
    step = memory.running(epoch, int(found[3]), int(found[4]))
    return Printed(step, epoch, values)


def _mmengine(text: str, memory: Memory) -> Printed | None:
    found = re.search(
        r"\b(Epoch|Iter)\((train|val|test)\)\s*(?:\[\s*(\d+)\])?\s*\[\s*(\d+)/\s*(\d+)\]\s*(.*)",
        text,
    )
    if not found:
        return None
    values = trusted(re.sub(r"eta: (?:\d+ days?, )?[\d:]+", "", found[6]))
    epoch = float(found[3]) if found[3] else None
    if found[2] != "train":
        values = {f"{found[2]}/{k}": v for k, v in values.items()}
        return Printed(None, memory.in_epoch(epoch), values) if values else None
    step = memory.running(epoch, int(found[4]), int(found[5]))
    return Printed(step, epoch, values) if values else None


def _megatron(text: str, memory: Memory) -> Printed | None:
    found = re.search(r"\biteration\s+(\d+)/\s*\d+\s*\|(.*)", text)
    if not found:
        if not (found := re.search(r"at iteration (\d+)\s*\|(.*)", text)):
            return None
        values = {f"val/{k}": v for k, v in trusted(found[2].replace("|", ",")).items()}
        return Printed(int(found[1]), None, values) if values else None
    values = {}
    for cell in found[2].split("|"):
        key, _, said = cell.rpartition(":")
        value = number(said.strip())
        if key and value is not None:
            values[name(key)] = value
    return Printed(int(found[1]), None, values) if values else None


def _boosting(text: str, memory: Memory) -> Printed | None:
    """Xgboost and lightgbm `[10] train-rmse:0.5`, catboost `10: learn: 0.5 test: 0.6`."""
    found = re.match(r"\[(\d+)\]\s*(.*)", text) or re.match(
        r"(\d+):\s+(learn:\s.*|test:\s.*)", text
    )
    if not found:
        return None
    cells = [c for c in re.split(r"\t+|\s{2,}", found[2]) if c]
    values = {}
    for cell in cells:
        one = re.match(
            rf"^([A-Za-z][\w@.' /\-]*?):\s*({NUMBER})(?:\s*\+\s*{NUMBER})?(?:\s*\(\d+\))?$",
            cell,
            re.I,
        )
        if one and one[1] not in ("best", "total", "remaining"):
            values[name(one[1])] = float(one[2])
        elif not one and not re.match(r"^(best|total|remaining|bestTest|bestIteration)", cell):
            return None
    return Printed(int(found[1]), None, values) if values else None


def _histogram_boosting(text: str, memory: Memory) -> Printed | None:
    found = re.match(r"\[(\d+)/(\d+)\] \d+ trees?, (.*)", text)
    if not found:
        return None
    items = re.findall(rf"((?:train|val) (?:loss|score)): ({NUMBER})", found[3], re.IGNORECASE)
    values = {name(k): float(v) for k, v in items}
    return Printed(int(found[1]), None, values) if values else None


def _colons(text: str, memory: Memory) -> Printed | None:
    """modded-nanogpt: `step:100/1393 val_loss:3.2 train_time:12345ms step_avg:123.4ms`."""
    found = re.match(r"step:\s?(\d+)/\d+\s+(.*)", text)
    if not found:
        return None
    values = trusted(found[2])
    return Printed(int(found[1]), None, values) if values else None


def _short(text: str, memory: Memory) -> Printed | None:
    """llm.c `s:100 trl:4.5`, Optuna `Trial 3 finished with value: 0.5 and parameters: …`."""
    if found := re.match(rf"s:(\d+) (trl|tel):({NUMBER})", text, re.IGNORECASE):
        key = "train_loss" if found[2] == "trl" else "val_loss"
        return Printed(int(found[1]), None, {key: float(found[3])})
    found = re.search(rf"\bTrial (\d+) finished with value: ({NUMBER})", text, re.IGNORECASE)
    return Printed(int(found[1]), None, {"value": float(found[2])}) if found else None


FORMATS: tuple[tuple[str, Format], ...] = (
    ("finished with value", _short),
    ("%|", _tqdm),
    ("━", _tqdm),
    ("━", _keras),
    ("/", _keras),
    ("}", _object),
    ("Epoch:", _examples),
    ("Test set", _examples),
    ("[", _histogram_boosting),
    ("[", _timm),
    ("(", _mmengine),
    ("iteration", _megatron),
    ("[", _boosting),
    ("learn:", _boosting),
    ("test:", _boosting),
    ("s:", _short),
    ("step:", _colons),
    ("iter", _nanogpt),
    ("step", _nanogpt),
)
"""What must be in the line for the format to be tried, and the format; the first answer counts."""
