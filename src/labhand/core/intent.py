"""An intent: what an instruction asks for, with all that was left unsaid made visible (`labhand.intent/1`)."""

from typing import Any, Literal

import msgspec

Origin = Literal["said", "learned", "project", "default"]


class Choice(msgspec.Struct, kw_only=True, rename={"origin": "from"}):
    """A setting and the value it shall have. `key` is a name that `--set` takes.

    `origin` (in JSON `from`): said in the instruction, learned from runs or habits, found in the
    project, or the field's default. `confidence` is from 0 to 1, `why` one sentence.
    """

    key: str
    value: Any
    origin: Origin
    confidence: float
    why: str


class Edit(msgspec.Struct, kw_only=True):
    """New code that is wanted: the file it most likely goes to (None: not known), and what it is."""

    path: str | None
    summary: str


class Goal(msgspec.Struct, kw_only=True):
    """The metric to get better. `direction` is `down` or `up`; None where nothing tells."""

    name: str
    direction: Literal["down", "up"] | None


class Question(msgspec.Struct, kw_only=True):
    """What is worth asking. `default` is taken without an answer, and is among the options.

    `worth` is the expected cost of not asking, in price of a question: always above 1.
    """

    text: str
    options: list[Any]
    default: Any
    worth: float


class Intent(msgspec.Struct, kw_only=True):
    """What an instruction asks for. What is swept stands in `sweep`, never in `settings` as well.

    `seeds` is how many, or which; None: not said. `budget` maps seconds, steps, epochs or money to
    a number. `needs_model`: `edits` must be written before it can run.
    """

    schema: str = "labhand.intent/1"
    instruction: str
    goal: str
    settings: list[Choice] = []
    edits: list[Edit] = []
    sweep: dict[str, list[Any]] = {}
    metric: Goal | None = None
    seeds: int | list[int] | None = None
    budget: dict[str, float] | None = None
    assumptions: list[str] = []
    questions: list[Question] = []
    needs_model: bool = False

    @property
    def runs(self) -> int:
        """How many runs it takes: the grid of what is swept, with each of the seeds."""
        count = len(self.seeds) if isinstance(self.seeds, list) else self.seeds or 1
        for values in self.sweep.values():
            count *= len(values)
        return count
