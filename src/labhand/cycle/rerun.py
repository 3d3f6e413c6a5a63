"""A run again: the same code, command and settings."""

from collections.abc import Callable
from pathlib import Path

from labhand.core.errors import InputError
from labhand.core.store import Store, project_root
from labhand.cycle.request import Request
from labhand.kit import snapshot


def request_again(
    store: Store, run_id: str, name: str | None, tell: Callable[[str], None]
) -> Request:
    """The request that carries a run again, with the code it had.

    Where the code stands as it was, it is run in place. Otherwise the kept code is laid out in a
    folder of its own, in which what was not kept (data, ignored files) is linked from the project.

    Raises:
        InputError: the code of the run was not kept.
    """
    run = store.read(run_id)
    cwd = Path(run.cwd)
    root = project_root(cwd)
    if run.code.tree is None:
        raise InputError(
            f"the code of {run.name} was not kept, so it cannot be run again as it was"
        )
    if not snapshot.same(root, store.home, run.code):
        place = store.home / "code" / run.id
        if not place.exists():
            snapshot.lay_out(run.code, root, store.home, place)
            _link_the_rest(root, place)
        tell(f"the code has changed since {run.name}; its own code runs in {place}")
        cwd = place / cwd.relative_to(root)
    return Request(
        command=_command(run.attempts[0].command if run.attempts else run.command),
        cwd=cwd,
        name=name,
        parents=[run.id],
    )


def _command(command: list[str]) -> list[str]:
    hidden = [argument for argument in command if "[secret:" in argument]
    if hidden:
        raise InputError(
            f"the command held a secret that was not kept (`{hidden[0]}`); run it with "
            "`labhand run` and the secret in the environment"
        )
    return list(command)


def _link_the_rest(root: Path, place: Path) -> None:
    for path in root.iterdir():
        if path.name in (".git", ".labhand") or (place / path.name).exists():
            continue
        (place / path.name).symlink_to(path)
