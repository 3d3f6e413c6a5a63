"""An instruction → an intent, and the command that would carry it out."""

import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from labhand.core.errors import UsageError
from labhand.core.intent import Choice, Intent
from labhand.interpret import (
    apart,
    asking,
    assembly,
    bare,
    bounds,
    choices,
    goals,
    habitual,
    implied,
    lengths,
    meant,
    mentions,
    often,
    pairs,
    relations,
    relative,
    replaced,
    rest,
    scored,
    seeds,
    shared,
    sweeps,
    switches,
    unsaid,
    unstated,
)
from labhand.interpret.draft import Draft
from labhand.interpret.lexicon import Lexicon
from labhand.interpret.references import Reference, References
from labhand.interpret.situation import Situation
from labhand.interpret.text import Text
from labhand.interpret.values import shown
from labhand.kit.settings import script_of

Reader = Callable[[Draft, Situation], None]
"""Takes the words of a draft that it understands."""
LONGEST = 20_000
"""Of an instruction, in letters."""


class Reading(NamedTuple):
    """An intent, the script it is about and the command that starts it. Paths are absolute."""

    intent: Intent
    script: Path | None
    command: list[str]
    cwd: Path

    def line(self) -> str:
        """The shell command that does it: `labhand run`, or `labhand do` where code must be written."""
        if self.intent.needs_model:
            return shlex.join(["labhand", "do", self.intent.instruction])
        words = ["labhand", "run"]
        for choice in self.intent.settings:
            words += ["--set", f"{choice.key}={shown(choice.value)}"]
        for key, values in self.intent.sweep.items():
            words += ["--sweep", f"{key}={','.join(map(shown, values))}"]
        seeds = self.intent.seeds
        if seeds is not None:
            words += [
                "--seeds",
                ",".join(map(str, seeds)) if isinstance(seeds, list) else str(seeds),
            ]
        return shlex.join([*words, "--", *(self.command or ["python", "SCRIPT"])])


def interpret(instruction: str, start: Path) -> Reading:
    """What the instruction asks for in the project that holds `start`. Only reads.

    Raises:
        UsageError: it is empty, contradicts itself, or a value does not fit its setting.
        NotFoundError: it names a setting or a run that is not there.
    """
    draft, situation = understood(instruction, start, _READERS)
    return Reading(
        _intent(instruction, draft, situation), situation.script, situation.command, situation.cwd
    )


def understood(
    instruction: str, start: Path, readers: Sequence[tuple[str, Reader]]
) -> tuple[Draft, Situation]:
    """What these readers, in their order, take an instruction for.

    Raises:
        UsageError: as `interpret` does.
        NotFoundError: likewise.
    """
    _check(instruction)
    situation = Situation(start)
    rough = Text(instruction, Lexicon([], None))
    unstated.take_rest(rough)
    references = References(rough, situation).find()
    _choose_script(situation, instruction, references)
    text = Text(instruction, Lexicon(situation.settings, situation.script))
    draft = Draft(text, situation.base)
    for name, reader in readers:
        text.reader = name
        reader(draft, situation)
    return draft, situation


def _check(instruction: str) -> None:
    if not re.search(r"\w", instruction):
        raise UsageError(
            'the instruction is empty; say what is wanted, such as "three seeds, lr 1e-3 and 3e-4"'
        )
    if len(instruction) > LONGEST:
        raise UsageError(
            f"the instruction has {len(instruction):,} letters, at most {LONGEST:,} are read; say it shorter"
        )


def _choose_script(situation: Situation, instruction: str, references: list[Reference]) -> None:
    for name in re.findall(r"[\w./-]+\.py\b", instruction):
        found = [p for p in situation.scripts if p.as_posix().endswith(name.lstrip("./"))]
        if found:
            situation.choose(found[0])
            return
    if references:
        run = references[0].run
        try:
            script, _ = script_of(run.command, Path(run.cwd), situation.root)
        except UsageError:
            pass
        else:
            situation.script, situation.command = script, run.command
            situation.why_script = f"`{run.name}` ran it"
            return
    stems = {p.stem.lower(): p for p in situation.scripts}
    for word in re.findall(r"\b(\w+) (?:script|job|run|stage)\b", instruction.lower()):
        near = [p for stem, p in stems.items() if stem.startswith(word[:5]) and len(word) > 3]
        if len(near) == 1:
            situation.choose(near[0])
            return
    situation.choose()


def _base(draft: Draft, situation: Situation) -> None:
    for reference in References(draft.text, situation).find():
        unstated.base_on(draft, situation, reference)


def _goal(draft: Draft, situation: Situation) -> None:
    goals.read_metric(draft, situation)
    if draft.metric is not None:
        situation.metric = draft.metric.name
    else:
        goals.read_wish(draft, situation)


def _lengths(draft: Draft, situation: Situation) -> None:
    lengths.read_constant(draft)
    lengths.read_length(draft)
    lengths.read_shape(draft)


def _alone(reader: Callable[[Draft], None]) -> Callable[[Draft, Situation], None]:
    return lambda draft, _: reader(draft)


def _script_names(draft: Draft) -> None:
    """Takes `in train.py`, so that its parts are no words to be understood."""
    text = draft.text
    for at in range(len(text) - 2):
        if text.low(at + 1) == "." and text.low(at + 2) == "py" and text.tokens[at + 1].glued:
            start = at
            while start > 0 and (
                text.tokens[start].glued
                or text.low(start - 1) in ("in", "on", "run", "for", "with", "python")
            ):
                start -= 1
            text.take(start, at + 3)


_READERS: tuple[tuple[str, Reader], ...] = (
    ("the rest", _alone(unstated.read_rest)),
    ("scripts", _alone(_script_names)),
    ("runs", _base),
    ("code and reasons", rest.read_parts),
    ("relations", _alone(relations.read)),
    ("what is left open", _alone(unsaid.read)),
    ("names", _alone(bare.read_names)),
    ("pairs", _alone(pairs.read)),
    ("intervals", _alone(often.read_sure)),
    ("folds", _alone(sweeps.folds)),
    ("rates", _alone(bare.read_rates)),
    ("layers", _alone(bare.read_layers)),
    ("data", _alone(bare.read_data)),
    ("sides", _alone(replaced.read_sides)),
    ("qualities", _alone(bare.read_qualities)),
    ("shared values", _alone(shared.read)),
    ("names in pieces", _alone(apart.read)),
    ("unknown keys", unstated.assign_unknown),
    ("what is implied", _alone(implied.read)),
    ("seeds", _alone(seeds.read)),
    ("goal", _goal),
    ("lengths", _lengths),
    ("settings", _alone(pairs.read_betas)),
    ("settings", _alone(mentions.read)),
    ("settings", _alone(relative.likewise)),
    ("intervals", _alone(often.read_every)),
    ("exchanges", _alone(replaced.read)),
    ("from scratch", _alone(bare.read_scratch)),
    ("values", _alone(choices.read)),
    ("settings", _alone(meant.settle)),
    ("settings", _alone(switches.both_ways)),
    ("settings", _alone(switches.needed)),
    ("relations", _alone(relations.settle)),
    ("budget", _alone(goals.read_budget)),
    ("lengths", _alone(lengths.read_tokens)),
    ("lengths", unstated.read_lengths),
    ("what is left", _alone(assembly.read)),
    ("what is unlikely", _alone(scored.read)),
    ("code and reasons", rest.read),
    ("habits", habitual.read),
    ("bounds", bounds.read),
)
"""Who reads, the surest first. No token has two owners; what is left is told."""
SURE = _READERS[: next(i for i, (name, _) in enumerate(_READERS) if name == "what is unlikely")]
"""Who reads before it is weighed how likely each setting is what was said."""


_EACH_ALONE = re.compile(
    r"\b(?:one|each)(?: of (?:them|these))? (?:at a time|by one|in turn|individually|separately|by itself|alone)\b"
)


def _one_at_a_time(draft: Draft) -> None:
    """Asks where several changes shall be made each in a run of its own, which one intent cannot say."""
    single = [s for s in draft.said if len(s.values) == 1 and s.origin == "said"]
    if len(single) < 2 or not _EACH_ALONE.search(draft.text.plain.lower()):
        return
    draft.said = [s._replace(origin="default") if s in single else s for s in draft.said]
    draft.doubt(
        "Each of these in a run of its own?", ["all in one", "each alone"], "all in one", 0.7
    )


def _intent(instruction: str, draft: Draft, situation: Situation) -> Intent:
    unstated.contradictions(draft)
    _one_at_a_time(draft)
    settings: list[Choice] = []
    sweep: dict[str, list[object]] = {}
    for said in sorted(draft.said, key=lambda s: s.start):
        key = said.known.key
        seed = seeds.seed_of(draft)
        if len(said.values) > 1 and seed is not None and key == seed.key and draft.seeds is None:
            draft.seeds = [int(str(v)) for v in said.values]
        elif len(said.values) > 1:
            sweep[key] = said.values
        else:
            settings.append(
                Choice(
                    key=key,
                    value=said.values[0],
                    origin=said.origin,
                    confidence=said.confidence,
                    why=said.why,
                )
            )
    intent = Intent(
        instruction=instruction,
        goal=unstated.goal(draft, settings, sweep),
        settings=settings,
        edits=draft.edits,
        sweep=sweep,
        metric=draft.metric,
        seeds=draft.seeds,
        budget=draft.budget or None,
        needs_model=bool(draft.edits) or unstated.is_bare(draft),
    )
    unstated.tell(draft, intent, situation)
    intent.questions, assumed = asking.questions(draft.doubts, intent, situation)
    intent.assumptions = [*draft.assumptions, *assumed]
    return asking.settled(intent, situation.habits)
