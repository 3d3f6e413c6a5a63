"""What an agent of somebody else may read, write and run: asked before each thing it does through us."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_SECRET = re.compile(
    r"^(?:\.env(?:\..+)?|\.netrc|\.npmrc|\.pypirc|id_(?:rsa|dsa|ecdsa|ed25519).*|.*\.(?:pem|key|p12|pfx)|"
    r"credentials(?:\..+)?|secrets?\.(?:json|ya?ml|toml|txt))$",
    re.I,
)
_OURS = frozenset({".git", ".labhand"})
_WRITES = frozenset({"edit", "delete", "move"})


class Policy(NamedTuple):
    """Reading is allowed in `worktree` and in the `data` it links to, writing in the worktree alone.

    `network`: whether it may fetch. Every answer is an empty text where a thing is allowed, else the
    reason why it is not.
    """

    worktree: Path
    data: tuple[Path, ...] = ()
    network: bool = False

    def reading(self, path: str) -> str:
        """Why a file may not be read."""
        place = self._place(path)
        if not any(place.is_relative_to(root) for root in (self.worktree, *self.data)):
            return f"{path} lies outside of the worktree {self.worktree}"
        if _SECRET.match(place.name) or _SECRET.match(Path(path).name):
            return f"{path} may hold secrets"
        return ""

    def writing(self, path: str) -> str:
        """Why a file may not be written, moved or removed."""
        place = self._place(path)
        if not place.is_relative_to(self.worktree):
            return f"{path} lies outside of the worktree {self.worktree}"
        first = place.relative_to(self.worktree).parts[:1]
        own = bool(first) and first[0] in _OURS
        return f"{path} lies in {first[0]}, which is not the agent's to write" if own else ""

    def doing(self, kind: str | None, paths: Iterable[str]) -> str:
        """Why something of a kind (as the protocol names them) may not be done to these files.

        Commands are allowed: they run in the sandbox.
        """
        if kind == "fetch" and not self.network:
            return "the network is closed; `agent-network = true` opens it"
        told = self.writing if kind in _WRITES else self.reading
        return next((why for path in paths if (why := told(path))), "")

    def _place(self, path: str) -> Path:
        """Where a path leads once links are followed."""
        return (self.worktree / path).resolve()
