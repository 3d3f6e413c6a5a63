"""Where the record lies, and a new folder in it, without the time that msgspec and pathlib take."""

import os
import stat
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
        make_folder(home)
        with open(os.path.join(home, ".gitignore"), "w", encoding="utf-8") as file:
            file.write("*\n")
    while True:
        now = time.time()
        # the fraction of the second in four hex digits: ids are in the order in which runs began
        run_id = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{int(now % 1 * 65536):04x}"
        folder = os.path.join(home, kind, run_id)
        make_folder(os.path.dirname(folder))
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            continue
        open_up(folder)
        return run_id, f"{_drawn(_ADJECTIVES)}-{_drawn(_NOUNS)}"


def make_folder(path: str) -> None:
    """Makes a folder, and those above it, private to the user or as open as the one above. Raises OSError.

    A home that its group may write, as `chmod 2770` makes it, is that of a team: whatever is made in
    it the group can read and write too, whatever the umask. An existing folder is left as it is.
    """
    if os.path.isdir(path):
        return
    above = os.path.dirname(os.path.abspath(path))
    make_folder(above)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return
    open_up(path)


def shared(home: str) -> bool:
    """Whether a home is that of a team: its group may write there."""
    try:
        return bool(os.stat(home).st_mode & stat.S_IWGRP)
    except OSError:
        return False


def open_up(path: str) -> None:
    """Opens what was just made to the group, where the folder it is in is. Raises OSError."""
    above = os.stat(os.path.dirname(os.path.abspath(path))).st_mode
    if above & stat.S_IWGRP:
        is_folder = os.path.isdir(path)
        os.chmod(path, above & (stat.S_ISGID | 0o770) | 0o700 if is_folder else 0o660)


def open_all_up(folder: str) -> None:
    """Opens the files in a folder of the record to the group, where the folder is."""
    if not os.stat(folder).st_mode & stat.S_IWGRP:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            told = entry.stat(follow_symlinks=False)
            ours = stat.S_ISREG(told.st_mode) and told.st_uid == os.geteuid()
            if ours and stat.S_IMODE(told.st_mode) != 0o660:
                os.chmod(entry.path, 0o660)


def _drawn(words: list[str]) -> str:
    return words[int.from_bytes(os.urandom(4), "little") % len(words)]
