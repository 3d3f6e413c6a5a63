"""What an agent can read beside the tools: runs, reports, rules' pages, and prompts to begin with."""

from typing import NamedTuple
from urllib.parse import quote, unquote

from labhand import __version__
from labhand.core import registry
from labhand.core.errors import LabhandError, NotFoundError, RecordError, UsageError
from labhand.mcp import telling
from labhand.mcp.looking import documentation, settled
from labhand.mcp.tools import Call

NEWEST = 20
"""So many of the newest runs are listed; a template reaches every other."""

INSTRUCTIONS = f"""labhand {__version__}: a lab hand for AI research in this project.
Before a training: `check` the code, `scan` data nobody has looked at. Start it with `run`, not with a
shell: it is recorded, supervised and watched, and goes on without you. `wait` until it ends or an
alarm comes. Judge with `compare`: one better number is most often noise. Put the researcher's words
through `interpret` before choosing settings. Keep decisions with `note`.
Answers begin with counts; `details` tells all of one finding by the id in brackets."""


class Page(NamedTuple):
    """Something that can be read. `uri` may hold `{name}`."""

    uri: str
    name: str
    description: str
    kind: str


TEMPLATES = (
    Page("labhand://runs/{run}", "run", "How a run went, in words", "text/plain"),
    Page("labhand://runs/{run}/json", "run-json", "All of a run (labhand.run/1)", "application/json"),
    Page("labhand://runs/{run}/report", "report", "The report of a run", "text/html"),
    Page("labhand://rules/{rule}", "rule", "The documentation of a rule", "text/markdown"),
)  # fmt: skip
FIXED = (
    Page("labhand://runs", "runs", "The runs of this project, newest first", "text/plain"),
    Page("labhand://rules", "rules", "Every rule, detector and failure in a line", "text/plain"),
)


def pages(call: Call) -> list[Page]:
    """What can be read now: the lists, and the newest runs with their reports."""
    store = call.here.store
    found = list(FIXED)
    for run_id in reversed(store.ids()[-NEWEST:]):
        try:
            name = store.read(run_id).name
        except RecordError:
            continue
        at = f"labhand://runs/{quote(run_id, safe='')}"
        found.append(Page(at, name, f"How {name} went", "text/plain"))
        if (store.folder(run_id) / "report.html").exists():
            found.append(Page(f"{at}/report", f"{name} report", f"Report of {name}", "text/html"))
    return found


def read(call: Call, uri: str) -> tuple[str, str]:
    """The text of a page, and its MIME type.

    Raises:
        LabhandError: there is no such page.
    """
    scheme, _, rest = uri.partition("://")
    parts = [unquote(part) for part in rest.strip("/").split("/")]
    if scheme == "labhand":
        match parts:
            case ["runs"]:
                from labhand.cycle.settle import listing

                store = call.here.store
                return telling.runs(listing(store, NEWEST), len(store.ids())), "text/plain"
            case ["runs", run]:
                return telling.run(call.here.store, settled(call, run), 10), "text/plain"
            case ["runs", run, "json"]:
                import msgspec

                whole = msgspec.json.format(msgspec.json.encode(settled(call, run)))
                return whole.decode(), "application/json"
            case ["runs", run, "report"]:
                return _report(call, run), "text/html"
            case ["rules"]:
                return "\n".join(_rules(call)), "text/plain"
            case ["rules", rule]:
                return documentation(call, rule), "text/markdown"
    known = ", ".join(page.uri for page in [*FIXED, *TEMPLATES])
    raise NotFoundError(f"there is no page {uri}; there are {known}")


def _report(call: Call, reference: str) -> str:
    store = call.here.store
    run = settled(call, reference)
    path = store.folder(run.id) / "report.html"
    if not path.exists():
        raise NotFoundError(f"{run.name} has no report: it is {run.status}; `wait` for its end")
    return path.read_text(encoding="utf-8", errors="replace")


def _rules(call: Call) -> list[str]:
    from labhand.kit import cases

    home = call.here.store.home
    return [
        f"{e.name} ({kind}): {cases.summary(cases.documentation(e))}"
        for kind in ("rule", "detector", "scan-detector", "failure")
        for e in registry.extensions(kind, home)
    ]


def completions(call: Call, argument: str, begun: str) -> list[str]:
    """The names that a `run` or `rule` can have and that begin so."""
    if argument == "rule":
        home = call.here.store.home
        names = sorted({e.name for kind in registry.KINDS for e in registry.extensions(kind, home)})
    elif argument == "run":
        store = call.here.store
        names = ["last"]
        for run_id in reversed(store.ids()[-200:]):
            try:
                names.append(store.read(run_id).name)
            except LabhandError:
                continue
    else:
        return []
    return [name for name in dict.fromkeys(names) if name.startswith(begun)]


class Prompt(NamedTuple):
    """A way to begin. `arguments` maps each name to what it is; all but the first may be left out."""

    name: str
    description: str
    arguments: dict[str, str]
    text: str


PROMPTS = (
    Prompt(
        "experiment",
        "From the researcher's words to runs, judged against noise",
        {"instruction": "what is wanted, as one would say it to a colleague"},
        "The researcher wants: {instruction}\n\n"
        "1. Call `interpret` with these words. Ask what it says is worth asking; state the assumptions.\n"
        "2. Write what code is missing, as little as will do; leave seed, data split and evaluation as "
        "they are. `check` it; mend what is new.\n"
        "3. `run` the baseline and each setting, with at least three seeds where time allows; `wait`.\n"
        "4. `compare` with the baseline. Say improved only where it does; else say that it is noise.\n"
        "5. `note` on the runs what was decided and why. Tell the researcher in five lines.",
    ),
    Prompt(
        "diagnose",
        "Why a run went wrong, and what to do",
        {"run": "a run's name or id; the newest otherwise"},
        "Find out why the run {run} went wrong. `show` it; take the gravest finding or the failure; "
        "`details` of it; `show` part output and settings; `check` the script. Tell the cause with its "
        "evidence, apart from what you only suspect, and the smallest change that would settle it. "
        "Change nothing yet.",
    ),
    Prompt(
        "review",
        "Check the code and the data before a training",
        {"path": "a script or folder; the whole project otherwise"},
        "Review {path} before it is trained. `check` it; for each finding read the code around it and "
        "say whether it is real, and what it does to the result. `scan` the data that it reads. Propose "
        "patches for what is real, the gravest first; change nothing before the researcher agrees.",
    ),
)  # fmt: skip
_OTHERWISE = {"run": "last", "path": "the whole project"}


def prompt(name: str, given: dict[str, str]) -> tuple[str, str]:
    """The description and the text of a prompt.

    Raises:
        NotFoundError: there is none of that name.
        UsageError: an argument is missing.
    """
    known = {p.name: p for p in PROMPTS}
    if name not in known:
        raise NotFoundError(f"no prompt is named `{name}`; there are {', '.join(known)}")
    wanted = known[name]
    values = {key: given.get(key) or _OTHERWISE.get(key, "") for key in wanted.arguments}
    missing = [key for key, value in values.items() if not value]
    if missing:
        raise UsageError(
            f"the prompt `{name}` needs `{missing[0]}`: {wanted.arguments[missing[0]]}"
        )
    return wanted.description, wanted.text.format(**values)
