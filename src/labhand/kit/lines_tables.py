"""Metrics in tables, where the names stand in a line above the numbers.

Ultralytics YOLO, Stable-Baselines3, scikit-learn's gradient boosting, tables with ruled cells (rich,
tabulate, Markdown), and the block of `name: number` lines after `---` that ends an autoresearch run.
"""

import re

from labhand.kit.lines_formats import Memory, Printed
from labhand.kit.lines_pairs import NUMBER, is_metric, name, number
from labhand.kit.patterns import pattern

_SUMMARY = pattern(rf"^([A-Za-z][\w./\-]*):\s+({NUMBER})\s*(?:s|ms|%)?$", re.IGNORECASE)
_CELL = pattern(r"^\|\s+([^|]*?)\s*\|\s*([^|]*?)\s*\|$")
_FIRST = frozenset("epoch ep step iter iteration it round".split())
_RULE = pattern(r"^-{10,}$")
RULED = ("|", "│", "┃", "║")
_RULED = pattern(r"\s*[|│┃║]\s*")


def table(text: str, memory: Memory) -> Printed | None | bool:
    """What a row of an open table says; True: the line belongs to a table; False: it does not."""
    for read in (_boxed, _summary, _ruled, _columns):
        answer = read(text, memory)
        if answer is not False:
            return answer
    return False


def _boxed(text: str, memory: Memory) -> Printed | None | bool:
    """The box of Stable-Baselines3: one row a metric, groups end in `/`."""
    if _RULE.match(text):
        block, memory.block = memory.block, {}
        memory.group = ""
        if not block:
            return True
        step = block.get("time/total_timesteps")
        return Printed(int(step) if step is not None else None, None, block)
    cell = _CELL.match(text) if memory.block is not None else None
    if not cell:
        memory.block = None if not text.startswith("|") else memory.block
        return False
    assert memory.block is not None
    if cell[1].endswith("/") and not cell[2]:
        memory.group = cell[1]
    elif (value := number(cell[2])) is not None:
        memory.block[memory.group + cell[1]] = value
    return True


def _summary(text: str, memory: Memory) -> Printed | None | bool:
    if text == "---":
        memory.summary = True
        return True
    if not memory.summary:
        return False
    found = _SUMMARY.match(text)
    if not found:
        memory.summary = False
        return False
    value = number(found[2])
    return True if value is None else Printed(None, None, {name(found[1]): value})


def _ruled(text: str, memory: Memory) -> Printed | None | bool:
    """A row of a table whose cells stand between bars, below its line of names."""
    if not text.startswith(RULED):
        return False
    cells = _RULED.split(text)[1:-1]
    if _names(cells):
        memory.table = cells
        return True
    if not memory.table or not _names(memory.table) or len(cells) != len(memory.table):
        return False
    return _plain([cells[0].partition("/")[0], *cells[1:]], text, memory)


def _columns(text: str, memory: Memory) -> Printed | None | bool:
    """Rows below a line of names: scikit-learn's and YOLO's."""
    parts = text.split()
    if parts[:1] == ["Iter"] and "Loss" in text and "Remaining" in text:
        memory.table = [n for n in re.split(r"\s{2,}", text.strip()) if n]
        return True
    if (parts[:2] == ["Epoch", "GPU_mem"]) or parts[:3] == ["Class", "Images", "Instances"]:
        memory.table = (
            re.sub(r":?\s*\d+%\|.*", "", text).replace("Box(P", "P").replace(")", "").split()
        )
        return True
    if _names(parts):
        memory.table = parts
        return True
    if not memory.table or not parts:
        return False
    if memory.table[0] == "Iter":
        return _gradient_boosting(parts, text, memory)
    if "GPU_mem" not in memory.table and _names(memory.table):
        return _plain(parts, text, memory)
    return _yolo(parts, text, memory)


def _names(parts: list[str]) -> bool:
    """Whether the words are a line of names: a step or an epoch first, a metric among the others."""
    if len(parts) < 2 or parts[0].lower() not in _FIRST:
        return False
    return not any(c.isdigit() and number(c) is not None for c in parts) and any(
        is_metric(part) for part in parts[1:]
    )


def _plain(parts: list[str], text: str, memory: Memory) -> Printed | None | bool:
    """A row of numbers under the names; a clock time among them is passed over."""
    if len(parts) != len(memory.table) or not parts[0].isdigit():
        if number(parts[0]) is not None:
            memory.table = []
        return False
    cells = zip(memory.table[1:], parts[1:], strict=True)
    values = {name(k): v for k, p in cells if (v := number(p.rstrip("%"))) is not None}
    if not values:
        return True
    if memory.table[0].lower().startswith("ep"):
        return Printed(None, memory.in_epoch(float(parts[0])), values)
    return Printed(int(parts[0]), None, values)


def _gradient_boosting(parts: list[str], text: str, memory: Memory) -> Printed | None | bool:
    numbers = [number(p) for p in parts[: len(memory.table) - 1]]
    if not parts[0].isdigit() or len(parts) != len(memory.table) or None in numbers:
        memory.table = []
        return False
    values = {
        name(k): v for k, v in zip(memory.table[1:-1], numbers[1:], strict=True) if v is not None
    }
    return Printed(int(parts[0]), None, values)


def _yolo(parts: list[str], text: str, memory: Memory) -> Printed | None | bool:
    names = memory.table
    if names[0] == "Epoch" and (epoch := re.match(r"^(\d+)/(\d+)$", parts[0])):
        row = zip(names[2:], parts[2:], strict=False)
        values = {k: v for k, p in row if k.endswith("loss") and (v := number(p)) is not None}
        if not values:
            return True
        at = memory.in_epoch(float(epoch[1]))
        bar = re.search(r"(\d+)/(\d+)\s*(?:\[|[\d.]+\s?it/s|\S*s<)", text[len(parts[0]) + 1 :])
        step = memory.running(at, int(bar[1]), int(bar[2])) if bar else None
        return Printed(step, at, {f"train/{k}": v for k, v in values.items()})
    if names[0] == "Class" and parts[0] == "all" and len(parts) == len(names):
        scores = zip(names[3:], parts[3:], strict=True)
        values = {f"val/{k}": v for k, p in scores if (v := number(p)) is not None}
        return Printed(None, memory.epoch, values) if values else True
    return False
