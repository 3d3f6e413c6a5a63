"""The tools that look at code, data, logs and words, and change nothing."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from labhand.core.errors import NotFoundError, UsageError
from labhand.core.finding import Finding, Findings
from labhand.mcp import telling
from labhand.mcp.tools import Call, Tool

Names = Annotated[list[str], Meta(description="Only these rules or detectors, by name; none: all.")]
NotNames = Annotated[list[str], Meta(description="Not these rules or detectors, by name.")]
Offset = Annotated[
    int, Meta(ge=0, description="Pass over so many findings, the gravest come first.")
]
Limit = Annotated[int, Meta(ge=1, le=200, description="Tell at most so many.")]
Path = Annotated[str, Meta(description="A path; relative ones count from the project's folder.")]


class Check(Tool, kw_only=True):
    """Check research code for bugs that make a training silently wrong.

    Missing zero_grad, leakage between splits, a wrong softmax axis, shifted targets and many more.
    Static, seconds, runs nothing. Call it after writing or changing training code, before a run.
    """

    paths: Annotated[
        list[str], Meta(description="Python files, notebooks or folders; none: the whole project.")
    ] = msgspec.field(default_factory=list)
    select: Names = msgspec.field(default_factory=list)
    ignore: NotNames = msgspec.field(default_factory=list)
    offset: Offset = 0
    limit: Limit = 10

    def do(self, call: Call) -> str:
        """The findings."""
        from labhand.check import check
        from labhand.kit import configuration

        here = call.here
        settings = configuration.read(here.root)
        found = check(
            [here.path(path) for path in self.paths],
            root=here.root,
            home=here.store.home,
            select=self.select or settings.select,
            ignore=[*settings.ignore, *self.ignore],
            per_file=settings.per_file_ignores,
        )
        return telling.checked(_kept(call, found), self.offset, self.limit)


class Scan(Tool, kw_only=True):
    """Scan data for anomalies, down to the rows.

    Wrong labels, duplicates, overlap between splits, leaks, broken encodings, impossible values,
    truncated or repeated text. CSV, JSON Lines, Parquet, Arrow, NumPy, SQLite, image folders and more. Changes nothing. Call it
    before training on data that nobody has looked at. Large data takes seconds to a minute.
    """

    paths: Annotated[list[str], Meta(description="Files, folders or patterns.")] = msgspec.field(
        default_factory=list
    )
    splits: Annotated[
        dict[str, str], Meta(description='Parts by name: {"train": "a.csv", "test": "b.csv"}.')
    ] = msgspec.field(default_factory=dict)
    label: Annotated[str | None, Meta(description="The column to be learned.")] = None
    id: Annotated[str | None, Meta(description="The column that names a row.")] = None
    group: Annotated[str | None, Meta(description="The column that rows of one origin share.")] = (
        None
    )
    time: Annotated[str | None, Meta(description="The column of when a row came about.")] = None
    select: Names = msgspec.field(default_factory=list)
    ignore: NotNames = msgspec.field(default_factory=list)
    offset: Offset = 0
    limit: Limit = 10

    def do(self, call: Call) -> str:
        """The findings."""
        from labhand.scan import folder_of, scan

        here = call.here
        paths = [here.path(path) for path in self.paths]
        splits = {name: here.path(path) for name, path in self.splits.items()}
        every = [*paths, *splits.values()]
        if not every:
            raise UsageError("say what to scan: `paths`, or `splits` by their names")
        given = {"label": self.label, "id": self.id, "group": self.group, "time": self.time}
        home = here.store.home
        found = scan(
            paths,
            splits,
            {role: column for role, column in given.items() if column},
            select=self.select,
            ignore=self.ignore,
            out=folder_of(home, every),
            home=home,
            progress=lambda name, number, total: call.tell(number, total, name),
        )
        return telling.scanned(_kept(call, found), self.offset, self.limit)


class Watch(Tool, kw_only=True):
    """Tell what went wrong in a training from a log that any other tool wrote.

    Divergence, not learning, overfitting, stalls, non-finite values. Reads tfevents, CSV, JSON Lines, .wandb, MLflow, trainer_state.json, printed output. Runs that labhand
    started are watched already: `show` and `wait` tell of those.
    """

    files: Annotated[list[str], Meta(min_length=1, description="Logs, or folders of them.")]
    roles: Annotated[
        dict[str, str],
        Meta(description='What a metric is where its name does not tell: {"obj": "train-loss"}.'),
    ] = msgspec.field(default_factory=dict)
    offset: Offset = 0
    limit: Limit = 10

    def do(self, call: Call) -> str:
        """The incidents, as they stood at the end."""
        from labhand.kit import configuration
        from labhand.watch import replay

        here = call.here
        found = replay(
            [here.path(file) for file in self.files],
            configuration.read(here.root).roles | self.roles,
            home=here.store.home,
        )
        return telling.watched(_kept(call, found), self.offset, self.limit)


class Details(Tool, kw_only=True):
    """Tell all of one finding: evidence, related places, the patch, and why its rule holds."""

    finding: Annotated[str, Meta(min_length=1, description="The id in brackets, or its beginning.")]
    run: Annotated[str, Meta(description="The run it is of, where a run told it.")] = "last"

    def do(self, call: Call) -> str:
        """The finding as JSON, then the documentation of its rule."""
        found = self._found(call)
        text = msgspec.json.format(msgspec.json.encode(found)).decode()
        return f"{_within(text, 12_000)}\n\n{_within(documentation(call, found.rule), 6_000)}"

    def _found(self, call: Call) -> Finding:
        from labhand.kit import verdicts

        begun = self.finding.strip("[] ").lower()
        told = [f for key, f in call.here.told.items() if key.startswith(begun)]
        if len(told) == 1:
            return told[0]
        try:
            return verdicts.find(settled(call, self.run), begun)
        except NotFoundError as error:
            raise NotFoundError(
                f"no finding that was told begins with `{begun}`: call `check`, `scan` or `watch` "
                "first, or name its `run`"
            ) from error


class Interpret(Tool, kw_only=True):
    """Turn what the researcher said into settings of this project's script.

    Tells values with where each came from, sweeps, seeds, budget, assumptions, and the questions
    worth asking. Changes nothing. Call it with the researcher's own words before starting runs; ask the questions it names.
    """

    instruction: Annotated[
        str, Meta(description='As said, such as "three seeds, lr 1e-3 and 3e-4, cosine".')
    ]

    def do(self, call: Call) -> str:
        """The intent in lines, and the command that carries it out."""
        from labhand.interpret import interpret

        reading = interpret(self.instruction, call.here.cwd)
        intent = reading.intent
        lines = [f"goal: {telling.cut(intent.goal)}"]
        lines += [
            f"set {c.key} = {c.value!r} ({c.origin}, {c.confidence:.0%} sure): {telling.cut(c.why)}"
            for c in intent.settings
        ]
        lines += [f"try {key} = {values}" for key, values in intent.sweep.items()]
        lines += [f"write {e.path or 'new code'}: {telling.cut(e.summary)}" for e in intent.edits]
        rest: list[tuple[str, Any]] = [("seeds", intent.seeds), ("budget", intent.budget)]
        if intent.metric:
            rest.append(("metric", f"{intent.metric.name} {intent.metric.direction or ''}".strip()))
        lines += [f"{name}: {value}" for name, value in rest if value is not None]
        lines += [f"assumed: {telling.cut(a)}" for a in intent.assumptions]
        for q in intent.questions:
            options = ", ".join(map(str, q.options))
            lines.append(f"ask: {telling.cut(q.text)} ({options}; without an answer: {q.default})")
        if intent.needs_model:
            lines.append("new code must be written first: that is yours to do")
        return "\n".join([*lines, f"command: {reading.line()}"])


class Rule(Tool, kw_only=True):
    """Print the documentation of a rule, detector or failure: what it sees and why it is bad."""

    name: Annotated[str, Meta(description="As findings name it, such as grad-zero-missing.")]

    def do(self, call: Call) -> str:
        """The documentation."""
        return documentation(call, self.name)


def documentation(call: Call, name: str) -> str:
    """The documentation of every extension of that name.

    Raises:
        NotFoundError: there is none.
    """
    from labhand.core import registry
    from labhand.kit import cases

    found = registry.named(name, call.here.store.home)
    return "\n\n".join(f"# {e.name} ({e.kind.name})\n\n{cases.documentation(e)}" for e in found)


def settled(call: Call, reference: str) -> Any:
    """The run that is meant, as it truly stands."""
    from labhand.cycle import settle

    store = call.here.store
    return settle.settle(store, store.read(store.find(reference)))


def _kept(call: Call, found: Findings) -> Findings:
    """The findings, which `details` can tell all of from now on."""
    call.here.told |= {finding.id: finding for finding in found.findings}
    return found


def _within(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}\n… ({len(text) - most:,} letters more)"


TOOLS: Sequence[type[Tool]] = (Check, Scan, Watch, Details, Rule, Interpret)
