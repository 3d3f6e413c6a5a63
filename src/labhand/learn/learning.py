"""What was learned, put together with what a person wrote and what was sent away."""

from collections.abc import Callable, Collection, Hashable, Sequence
from datetime import datetime
from pathlib import Path

from labhand.core import event
from labhand.core.errors import InputError, LabhandError, NotFoundError
from labhand.core.habit import Habit
from labhand.core.store import Store, project_root
from labhand.kit import habits, replies, settings, verdicts
from labhand.kit.habits import Entry, Forgotten, Kept
from labhand.kit.patches import Patches
from labhand.learn import history
from labhand.learn.answers import answers
from labhand.learn.companions import companions
from labhand.learn.conventions import conventions
from labhand.learn.edits import edits
from labhand.learn.evidence import Learned
from labhand.learn.history import Trial
from labhand.learn.repository import Commit, commits, present
from labhand.learn.repository import trials as settings_changes
from labhand.learn.together import after, scaled, together
from labhand.learn.usual import usual


def learn(start: Path, *, from_git: bool = False) -> Kept:
    """Learns from the record of the project that holds `start`, and keeps it in its habits file.

    With `from_git` from the history of its repository as well; without, what was learned there
    earlier stays.

    Raises:
        InputError: there is nothing to learn from, or the habits file cannot be read or written.
    """
    store = Store.at(start)
    kept = habits.read(store.home)
    trials = history.trials(store)
    patches = Patches(store.home).all()
    answered = answers(verdicts.read(store.home), patches, replies.read(store.home))
    said = [*answered, *edits(patches)]
    if not trials and not said and not kept.entries and not from_git:
        raise InputError(
            f"there is no run in {store.home} yet that habits could be learned from; `labhand run -- "
            "COMMAND` makes the first, `labhand learn --from-git` reads the history of the repository"
        )
    found: dict[habits.Source, list[Learned]] = {}
    if from_git:
        root = project_root(start)
        found["git"] = of_commits(commits(root), present(root))
    if trials or said:
        found["runs"] = [*of_trials(trials, _defaults(project_root(start))), *said]
    kept = _put_together(kept, found)
    if found:
        habits.write(store.home, kept)
    return kept


def of_commits(history: Sequence[Commit], files: Collection[str]) -> list[Learned]:
    """The habits that the commits of one author show, the surest first."""
    changes = list(settings_changes(history))
    pairs = together(changes)
    found = [*conventions(history), *companions(history, files), *pairs.values(), *after(changes)]
    return sorted(found, key=lambda learned: -learned.habit.confidence)


def of_trials(
    trials: Sequence[Trial],
    default: Callable[[str, str], tuple[bool, Hashable]] = lambda script, key: (False, None),
) -> list[Learned]:
    """The habits that trials show, the surest first."""
    pairs = together(trials)
    by_factor = {pair for pair, made in pairs.items() if scaled(made)}
    values = usual(trials, default, by_factor)
    also = [made for pair, made in pairs.items() if pair in by_factor or pair not in values.pairs]
    found = [*values.habits, *also, *after(trials)]
    return sorted(found, key=lambda learned: -learned.habit.confidence)


def _defaults(root: Path) -> Callable[[str, str], tuple[bool, Hashable]]:
    """What the code of the scripts in `root` gives a setting where nobody sets it."""
    known: dict[str, dict[str, Hashable]] = {}

    def default(script: str, key: str) -> tuple[bool, Hashable]:
        if script not in known:
            known[script] = _coded(root / script, root)
        return key in known[script], known[script].get(key)

    return default


def _coded(script: Path, root: Path) -> dict[str, Hashable]:
    try:
        return {s.name: history.plain(s.default) for s in settings.discover(script, root)}
    except LabhandError:
        return {}


def _put_together(kept: Kept, found: dict[habits.Source, list[Learned]]) -> Kept:
    """The new file: a person's habits, those of sources that were not asked, and what was found."""
    own = [e for e in kept.entries if e.source == "you"]
    other = [e for e in kept.entries if e.source != "you" and e.source not in found]
    gone = {f.id: f for f in kept.forgotten}
    entries = [*own, *other]
    names = {e.habit.id for e in entries}
    for source, learned in found.items():
        for one in learned:
            habit = one.habit
            if habit.id in names or any(_says_the_same(e.habit, habit) for e in own):
                continue
            if habit.id in gone and not _outweighs(one, gone[habit.id]):
                continue
            gone.pop(habit.id, None)
            names.add(habit.id)
            entries.append(Entry(habit, source))
    return kept._replace(entries=entries, forgotten=list(gone.values()))


def _says_the_same(own: Habit, habit: Habit) -> bool:
    """Whether a person's habit is about the same, whatever it says of it."""
    return (
        own.kind == habit.kind and own.when == habit.when and bool(set(own.then) & set(habit.then))
    )


def _outweighs(learned: Learned, gone: Forgotten) -> bool:
    """Whether a habit has held more often since it was sent away, net, than it had before."""
    try:
        at = event.seconds(gone.at)
    except ValueError:
        return False
    since = [case.holds for case in learned.cases if _seconds(case.time) > at]
    return sum(since) - since.count(False) > gone.support


def _seconds(time: str) -> float:
    try:
        return datetime.fromisoformat(time).timestamp()
    except ValueError:
        return 0.0


def forget(start: Path, name: str) -> Habit:
    """Takes a habit out of the file and notes that it shall stay away; returns it.

    Raises:
        NotFoundError: there is no such habit.
        InputError: the file cannot be read or written.
    """
    store = Store.at(start)
    kept = habits.read(store.home)
    found = next((e for e in kept.entries if e.habit.id == name), None)
    if found is None:
        raise NotFoundError.named(
            "habit", name, [e.habit.id for e in kept.entries], "labhand learn"
        )
    habit = found.habit
    gone = Forgotten(habit.id, habit.text, event.now(), habit.support)
    entries = [e for e in kept.entries if e is not found]
    forgotten = [*(f for f in kept.forgotten if f.id != name), gone]
    habits.write(store.home, kept._replace(entries=entries, forgotten=forgotten))
    return habit
