"""How the data came."""

from collections.abc import Iterator

from labhand.check.measured.facts import Fact, Facts
from labhand.check.measured.proof import Proof

SORTED = 0.5
"""Sorted are batches that hold less than this share of the classes a mixed one would."""
LEAST_BATCHES = 2


def order(facts: Facts) -> Iterator[Proof]:
    """Training data that come in the order in which they lie."""
    for fact in facts.of("loader"):
        if fact.at is None or fact["iterable"]:
            continue
        distinct, rows, classes = fact["distinct"], fact["rows"], fact["classes"]
        if fact["sampler"] != "SequentialSampler":
            told = f"its batches are drawn by a {fact['sampler']}"
            yield Proof("shuffle-off-train", False, fact.at, told, reach="line")
        elif classes and rows and classes > 1 and len(distinct) >= LEAST_BATCHES:
            mixed = classes * (1 - (1 - 1 / classes) ** rows)
            mean = sum(distinct) / len(distinct)
            told = f"its first {len(distinct)} batches of {rows} hold {mean:.1f} of {classes} classes each, mixed ones {mixed:.1f}"
            numbers = {"distinct": distinct, "classes": classes, "rows": rows}
            if mean < SORTED * mixed:
                yield Proof(
                    "shuffle-off-train", True, fact.at, told,
                    f"the training data come sorted by class and are not shuffled: {told}",
                    "pass `shuffle=True`, or a sampler", numbers=numbers,
                )  # fmt: skip
            else:
                told = f"the sampler is sequential, so every epoch has the same batches; {told}"
                yield Proof("shuffle-off-train", True, fact.at, told, confidence=0.9, reach="line", numbers=numbers)  # fmt: skip


def workers(facts: Facts) -> Iterator[Proof]:
    """Workers that draw the same random numbers."""
    start, first, last = (_states(facts, when) for when in ("start", "after 1", "after"))
    if len(start) < 2:
        return
    for name in sorted({name for fact in facts.workers for name in fact["states"]}):
        # what is made with the first item is not there at the start
        began = {n: _state(start, n, name) or _state(first, n, name) for n in start}
        # of a worker that was seen once only it is not known whether it draws
        twice = [n for n in last if _state(start, n, name) or last[n]["when"] != "after 1"]
        moved = [_state(last, n, name) != began[n] for n in twice if n in began]
        if not moved or not any(moved) or None in began.values():
            continue
        at, count, states = start[min(start)].at, len(start), set(began.values())
        same = count - len(states) + 1
        if same > 1 and all(moved):
            told = (
                f"{same} of {count} workers began with the same state of `{name}`, and drew from it"
            )
            yield Proof(
                "worker-numpy-seed", True, at, told,
                f"the workers draw the same random numbers: {told}",
                "seed it in each worker, by `get_worker_info().seed`",
                reach="file", numbers={"generator": name, "workers": count, "same": same},
            )  # fmt: skip
        elif same == 1:
            told = f"{count} workers began with {count} different states of `{name}`, which they draw from"
            yield Proof("worker-numpy-seed", False, at, told, reach="file", numbers={"generator": name})  # fmt: skip


def _state(facts: dict[int, Fact], worker: int, name: str) -> str | None:
    """The print of one generator's state in one worker; None where it was not there."""
    fact = facts.get(worker)
    found = fact["states"].get(name) if fact is not None else None
    return found if isinstance(found, str) else None


def _states(facts: Facts, when: str) -> dict[int, Fact]:
    """The first, or the latest, states of each worker of the first loader that has workers."""
    found: dict[int, Fact] = {}
    dataset = facts.workers[0]["dataset"] if facts.workers else None
    for fact in facts.workers:
        if fact["dataset"] == dataset and str(fact["when"]).startswith(when):
            number = int(fact.number("id"))
            if when == "after" or number not in found:
                found[number] = fact
    return found
