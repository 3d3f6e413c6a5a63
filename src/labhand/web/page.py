"""What the report's template gets: the whole contract between Python and the page."""

from typing import Any, Literal

import msgspec


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A labelled fact of the headline or of the environment."""

    label: str
    value: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of code or of a diff. `number` is None in a diff."""

    text: str
    kind: Literal["plain", "hit", "add", "del", "hunk", "meta"] = "plain"
    number: int | None = None


class Patch(msgspec.Struct, frozen=True, kw_only=True):
    """A diff of one file, or a command. `title` is the file's name."""

    title: str
    lines: list[Line]
    added: int = 0
    removed: int = 0


class Remedy(msgspec.Struct, frozen=True, kw_only=True):
    """A fix: what it changes, exactly, and whether it touches the science."""

    safety: str
    summary: str
    patches: list[Patch]


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A finding. `number` is the one that the curves' markers show; None without a step."""

    number: int | None
    id: str
    severity: str
    rule: str
    job: str
    state: str | None
    message: str
    place: str
    seen: str
    causes: list[str]
    unchecked: list[str]
    advice: str
    evidence: list[Fact]
    code: list[Line]
    related: list[tuple[str, str]]
    remedy: Remedy | None


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A metric in a chart's legend; `line`, `line_before`: its indices among the lines in the data.

    `value` is the last one; the run before, where it is drawn, ended at `before`.
    """

    line: int
    name: str
    label: str
    value: str
    colour: int
    line_before: int | None = None
    before: str = ""


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """A chart: `index` finds its curves in the data; `words` is what the filter box looks in.

    `log`: its vertical axis is logarithmic to begin with.
    """

    index: int
    title: str
    summary: str
    words: str
    log: bool
    keys: list[Key]


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Charts that belong together, folded where there are many."""

    title: str
    hint: str
    folded: bool
    dense: bool
    charts: list[Chart]


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """A metric in numbers, formatted."""

    name: str
    points: str
    first: str
    last: str
    low: str
    high: str
    last_step: str
    non_finite: int


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A setting, package or fact that is not what it was."""

    key: str
    before: str | None
    after: str | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A metric's last value in both runs."""

    name: str
    before: str
    after: str
    difference: str
    change: str | None


class Against(msgspec.Struct, frozen=True, kw_only=True):
    """What changed against another run. `code_note` speaks where there is no diff to show."""

    name: str
    when: str
    settings: list[Change]
    surroundings: list[Change]
    packages: list[Change]
    patches: list[Patch]
    code_note: str
    outcomes: list[Outcome]
    caution: str
    new_findings: list[str]
    gone_findings: list[str]


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt. `command` is empty where it is the run's."""

    number: int
    command: str
    ending: str
    good: bool
    wall: str
    failure: Fact | None
    remedy: Remedy | None


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """The end of what the last attempt printed."""

    text: str
    shown: int
    left_out: int
    attempt: int


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """The report of a run. `data` is what the curves are drawn from; it becomes JSON."""

    title: str
    name: str
    run: str
    sweep: Fact | None
    status: str
    verdict: str
    story: list[str]
    command: str
    facts: list[Fact]
    notes: list[Note]
    groups: list[Group]
    many: bool
    points_note: str
    numbers: list[Number]
    against: Against | None
    settings: list[Fact]
    tries: list[Try]
    output: Output | None
    resources: list[Fact]
    packages: list[Fact]
    written: str
    data: dict[str, Any] = {}
