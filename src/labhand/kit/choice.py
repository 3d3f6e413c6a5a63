"""Which files of a folder are its code: not the junk, not the data, no secrets, nothing huge."""

import fnmatch
import os
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

LARGEST_BYTES = 10_000_000
LARGEST_TOTAL_BYTES = 200_000_000
MOST_FILES = 50_000
MOST_DATA_FILES = 500
"""More files than this in one folder, none of them code, are taken for data."""

JUNK = tuple(
    ".git .hg .svn .labhand .venv venv node_modules __pycache__ site-packages .tox .nox .eggs "
    ".mypy_cache .ruff_cache .pytest_cache .hypothesis .ipynb_checkpoints .cache .pixi .conda "
    ".idea .vscode wandb mlruns lightning_logs .DS_Store *.pyc".split()
)
"""Names of folders and files that are never code, as patterns of git's ignore files."""

SECRETS = tuple(
    ".env .env.* .netrc .pgpass .pypirc .npmrc *.pem *.key *.p12 *.pfx *.keystore id_rsa id_dsa "
    "id_ecdsa id_ed25519 credentials credentials.json service-account*.json secrets.toml "
    "secrets.yaml secrets.yml secrets.json".split()
)
_NO_SECRETS = (".env.example", ".env.sample", ".env.template", ".env.dist")

_CODE = frozenset(
    ".py .pyi .pyx .pxd .ipynb .sh .bash .zsh .fish .slurm .sbatch .yaml .yml .toml .json .jsonc "
    ".cfg .ini .conf .txt .md .rst .c .h .cc .cpp .cxx .hpp .cu .cuh .rs .go .jl .r .lua .js .ts "
    ".java .kt .swift .m .scala .pl .rb .sql .proto .gin .jsonnet .j2 .jinja .tmpl .tex .mk .cmake "
    ".nix .dockerfile .lock .patch .diff".split()
)
_RUNS = frozenset(
    ".py .pyi .pyx .pxd .sh .bash .zsh .c .h .cc .cpp .cxx .hpp .cu .cuh .rs .jl .r .lua".split()
)

_CONFIGURES = frozenset(".yaml .yml .toml .cfg .ini .conf .gin .jsonnet .ipynb".split())

LeftOut = tuple[str, int, str]
"""A file or folder that was not kept: its path, its bytes, why."""


def is_code(path: str) -> bool:
    """Whether a file of this name is read by an interpreter or a compiler."""
    return Path(path).suffix.lower() in _RUNS


def says_what_runs(path: str) -> bool:
    """Whether a file of this name is code or configuration, and no result of a run."""
    return configures(path) or "." not in Path(path).name


def configures(path: str) -> bool:
    """Whether a file is code or configuration, by the ending of its name."""
    return is_code(path) or Path(path).suffix.lower() in _CONFIGURES


def choose(root: Path, files: list[str]) -> tuple[list[str], list[LeftOut]]:
    """Those of `files` that are worth keeping, code and small ones first, and the others.

    Folders of many files that are no code become one line of what is left out.
    """
    left_out: list[LeftOut] = []
    environments = {p.removesuffix("pyvenv.cfg") for p in files if p.endswith("/pyvenv.cfg")}
    sizes: dict[str, int] = {}
    for path in files:
        if environments and any(map(path.startswith, environments)):
            continue
        try:
            sizes[path] = (root / path).lstat().st_size
        except OSError:
            continue
        if why := _why_not(root, path, sizes[path]):
            left_out.append((path, sizes.pop(path), why))
    for folder, members in _data(sizes).items():
        total = sum(sizes.pop(path) for path in members)
        left_out.append((f"{folder}/", total, f"{len(members)} files, taken for data"))
    chosen: list[str] = []
    total = 0
    for path in sorted(sizes, key=lambda p: (not _is_text(p), sizes[p], p)):
        total += sizes[path]
        if total > LARGEST_TOTAL_BYTES:
            left_out.append((path, sizes[path], f"over {LARGEST_TOTAL_BYTES // 10**6} MB in all"))
        else:
            chosen.append(path)
    return chosen, left_out


def walk(root: Path, home: Path) -> tuple[list[str], list[LeftOut]]:
    """The files of a folder outside git that are worth keeping, and what is left out.

    A folder that is no project (the home folder, `/`, more than `MOST_FILES` files) gives only
    its own `*.py` files.
    """
    root = root.resolve()
    if root in (Path.home(), Path(root.anchor)):
        return _own(root, f"{root} is no project: only its own *.py files are kept")
    files: list[str] = []
    left_out: list[LeftOut] = []

    def refused(error: OSError) -> None:
        left_out.append((os.path.relpath(error.filename, root), 0, "cannot be read"))

    for folder, inner, names in os.walk(root, onerror=refused):
        here = Path(folder)
        links = [name for name in inner if (here / name).is_symlink()]
        inner[:] = [n for n in inner if n not in links and not _is_junk(here / n, home)]
        files += [
            (here / name).relative_to(root).as_posix()
            for name in (*names, *links)
            if not _matches(name, JUNK)
        ]
        if len(files) > MOST_FILES:
            return _own(root, f"more than {MOST_FILES:,} files: only {root}/*.py are kept")
    chosen, too_much = choose(root, files)
    return chosen, left_out + too_much


def _own(root: Path, why: str) -> tuple[list[str], list[LeftOut]]:
    try:
        files = sorted(entry.name for entry in os.scandir(root) if entry.name.endswith(".py"))
    except OSError:
        files = []
    chosen, left_out = choose(root, files)
    return chosen, [(".", 0, why), *left_out]


def _why_not(root: Path, path: str, size: int) -> str | None:
    name = path.rpartition("/")[2]
    if _matches(name, SECRETS) and name not in _NO_SECRETS:
        return "may hold secrets"
    if size > LARGEST_BYTES:
        return f"larger than {LARGEST_BYTES // 10**6} MB"
    if not (root / path).is_symlink() and not os.access(root / path, os.R_OK):
        return "cannot be read"
    return None


def _data(sizes: dict[str, int]) -> dict[str, list[str]]:
    """Folders of many files that are no code, with those files."""
    folders: dict[str, list[str]] = defaultdict(list)
    for path in sizes:
        if not is_code(path):
            folders[path.rpartition("/")[0] or "."].append(path)
    return {f: members for f, members in folders.items() if len(members) > MOST_DATA_FILES}


def _is_text(path: str) -> bool:
    suffix = Path(path).suffix.lower()
    return not suffix or suffix in _CODE


def _is_junk(folder: Path, home: Path) -> bool:
    return (
        _matches(folder.name, JUNK)
        or folder == home.resolve()
        or (folder / "pyvenv.cfg").exists()
        or (folder / "conda-meta").is_dir()
    )


@cache
def _pattern(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(fnmatch.translate, patterns)))


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return _pattern(patterns).match(name) is not None
