"""Where the record lies, and a new folder in it, without the time that msgspec and pathlib take."""

import os
import time

HOME = ".labhand"
MARKS = (HOME, ".git", "pyproject.toml", "labhand.toml")

_ADJECTIVES = (
    "able amber ample bold brave brief bright brisk calm clear clever cool crisp deep dry eager early "
    "easy even exact fair fast fine firm fond frank fresh full glad grand great green keen kind large "
    "late level light live loud lucid mild neat new noble plain proud pure quick quiet rare ready rich "
    "ripe round sharp sleek slow smooth soft solid spare stark steady still stout sunny sure swift tall "
    "tame tidy true vivid warm wide wise young"
).split()
_NOUNS = (
    "adder badger bear beaver bee bison bittern boar buzzard crane crow curlew deer dipper dove duck "
    "dunlin eagle egret eider elk falcon finch fox frog gannet goat goose grebe gull hare hawk hedgehog "
    "heron horse ibis jackdaw jay kestrel kite lark linnet lynx magpie marten merlin mole moth newt "
    "nuthatch oriole osprey otter owl oyster pike pipit plover puffin quail rabbit raven robin rook "
    "salmon seal shrew snipe sparrow starling stoat stork swallow swan swift teal tern thrush toad trout "
    "turtle vole weasel whale wolf wren"
).split()


def project_root(start: str) -> str:
    """The nearest folder at or above `start` that is a project; `start` itself where none is."""
    start = folder = os.path.realpath(start)
    while not any(os.path.exists(os.path.join(folder, mark)) for mark in MARKS):
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return start
    return folder


def home_of(start: str) -> str:
    """The labhand home of the project that holds `start`; `LABHAND_HOME` overrides it."""
    moved = os.environ.get("LABHAND_HOME")
    if moved:
        return os.path.abspath(os.path.expanduser(moved))
    return os.path.join(project_root(start), HOME)


def new_run(home: str, kind: str = "runs") -> tuple[str, str]:
    """A new run's id and a name for it, its folder made, private to the user. Raises OSError.

    `kind` is the folder of the home that it goes to: patches have ids and names of the same form.
    """
    if not os.path.exists(home):
        os.makedirs(home, mode=0o700, exist_ok=True)
        with open(os.path.join(home, ".gitignore"), "w", encoding="utf-8") as file:
            file.write("*\n")
    while True:
        now = time.time()
        # the fraction of the second in four hex digits: ids are in the order in which runs began
        run_id = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{int(now % 1 * 65536):04x}"
        try:
            os.makedirs(os.path.join(home, kind, run_id), mode=0o700)
        except FileExistsError:
            continue
        return run_id, f"{_drawn(_ADJECTIVES)}-{_drawn(_NOUNS)}"


def _drawn(words: list[str]) -> str:
    return words[int.from_bytes(os.urandom(4), "little") % len(words)]
