"""What is worth telling a person who is elsewhere, and in which words."""

from pathlib import Path
from typing import Literal

import msgspec

from labhand.core.finding import Finding
from labhand.core.run import Run
from labhand.web import story, words

Stage = Literal["alarm", "recovered", "closed", "end"]

TELLING: tuple[Stage, ...] = ("alarm", "recovered", "end")
"""What a service that cannot edit sends of: the rest is only said better by an edit."""
END = "end"


class News(msgspec.Struct, frozen=True, kw_only=True):
    """How a thing stands now. `key` names the thing, an incident or the run's end: one message."""

    run: str
    key: str
    stage: Stage
    title: str
    body: str
    grave: bool


def of_incident(run_id: str, name: str, finding: Finding) -> News | None:
    """The news of an incident; None where nobody is to be told of it.

    Not of a crash: that is the run's end, told with its reason, or mended.
    """
    if finding.alarm is not True or finding.rule == "crashed" or finding.state == "suspected":
        return None
    stages: dict[object, Stage] = {"recovered": "recovered", "closed": "closed"}
    stage = stages.get(finding.state, "alarm")
    after = "" if stage == "alarm" else f" ({stage})"
    place = words.place(finding)
    causes = [f"Likely cause: {words.bare(c)}" for c in words.causes(finding)[:1]]
    at = (
        ""
        if finding.recovered_step in (None, msgspec.UNSET)
        else f"Recovered at step {finding.recovered_step:,}."
    )
    lines = [words.bare(finding.message), *causes, at, f"Next: {words.bare(finding.advice)}", place]
    return News(
        run=run_id,
        key=finding.id,
        stage=stage,
        title=f"{name}: {finding.rule}{after}",
        body="\n".join(line for line in lines if line),
        grave=stage == "alarm",
    )


def of_end(run: Run, folder: Path) -> News:
    """The news of a run's end, with all that there is to say about it in one message."""
    report = folder / "report.html"
    told = [str(sentence) for sentence in story.of_run(run)]
    place = f"on {host}" if (host := run.environment.host.get("name")) else ""
    where = " · ".join(filter(None, [place, str(report) if report.exists() else str(folder)]))
    return News(
        run=run.id,
        key=END,
        stage="end",
        title=f"{run.name} {run.status}",
        body="\n".join([*map(words.bare, told), where]),
        grave=run.status in ("failed", "lost"),
    )


def digest(held: list[News]) -> News:
    """Several news in one message."""
    if len(held) == 1:
        return held[0]
    return News(
        run=held[-1].run,
        key=held[-1].key,
        stage=held[-1].stage,
        title=f"labhand: {len(held)} messages that waited",
        body="\n\n".join(f"{news.title}\n{news.body}" for news in held),
        grave=any(news.grave for news in held),
    )
