"""`labhand implement`: an instruction → a patch in a worktree of its own, proven before a person looks."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from labhand import __version__
from labhand.core import event
from labhand.core.errors import NotFoundError, UsageError
from labhand.core.intent import Edit, Intent
from labhand.core.patch import Patch
from labhand.core.store import project_root
from labhand.cycle.proof import Proof
from labhand.implement import (
    Account,
    Agent,
    AgentError,
    Errand,
    Limits,
    Trajectory,
    Worktree,
    agent,
    brief,
    changed_files,
    touches,
    what_failed,
)
from labhand.interpret import Reading, interpret
from labhand.kit import configuration
from labhand.kit.habits import sentences
from labhand.kit.patches import Patches
from labhand.kit.sandbox import Sandbox

AGENT = "builtin"
ROUNDS = 3
"""How often a patch is proven; what failed goes back to the agent in between."""

Tell = Callable[[str], None]


def understood(instruction: str, start: Path, agent_name: str | None = None) -> Reading:
    """The intent of an instruction. With someone to write code it may name a setting that is not there.

    Raises:
        UsageError: it is empty or contradicts itself.
        NotFoundError: it names a run, or with nobody to write code a setting, that is not there.
    """
    try:
        return interpret(instruction, start)
    except NotFoundError as error:
        missing = str(error)
        writes = agent_name is not None or bool(os.environ.get("LABHAND_MODEL"))
        if not writes or missing.startswith("no run "):
            raise
    from labhand.interpret.situation import Situation

    situation = Situation(start)
    situation.choose()
    path = situation.script.relative_to(situation.root).as_posix() if situation.script else None
    intent = Intent(
        instruction=instruction,
        goal=instruction,
        edits=[Edit(path=path, summary=instruction)],
        assumptions=[missing],
        needs_model=True,
    )
    return Reading(intent, situation.script, situation.command, situation.cwd)


def propose(instruction: str, start: Path, agent_name: str | None, tell: Tell) -> Patch:
    """The patch for an instruction, with its proof; not needed where settings alone will do.

    Blocks for minutes; writes in the labhand home, never in the project. `tell` hears how it goes. An
    agent that is named writes code even where settings would do.

    Raises:
        LabhandError: no patch came of it; nothing is left behind.
    """
    reading = understood(instruction, start, agent_name)
    root = project_root(start)
    if not reading.intent.needs_model and agent_name is None:
        return Patch(
            id="", name="", instruction=instruction, status="not-needed", made=event.now(),
            summary="no new code is needed: settings alone do it", command=reading.line(),
            intent=reading.intent,
        )  # fmt: skip
    return _Proposal(reading, root, start, agent_name or AGENT, tell).make()


class _Proposal:
    """One patch on its way."""

    def __init__(self, reading: Reading, root: Path, start: Path, name: str, tell: Tell) -> None:
        self.reading = reading
        self.root = root.resolve()
        self.start = start.resolve()
        self.patches = Patches(Path(_home(start)))
        self.configuration = configuration.read(root)
        self.agent_name = name
        self.agent = self._agent()
        self.tell = tell

    def _agent(self) -> Agent:
        """The agent.

        Raises:
            UsageError: it needs a model and there is none; what had to be written is told.
        """
        try:
            return agent(self.agent_name, self.patches.home, self.configuration.agents)
        except UsageError as error:
            what = "; ".join(edit.summary for edit in self.reading.intent.edits)
            told = f"this needs new code ({what})" if what else "this needs new code"
            raise UsageError(str(error).replace("this needs new code", told)) from error

    def make(self) -> Patch:
        if self.reading.script is None and not any(self.root.rglob("*.py")):
            raise UsageError(f"{self.root} holds no Python code to change; go to the project, or name it with -C")  # fmt: skip
        patch_id, name = self.patches.create()
        try:
            return self._made(patch_id, name)
        except BaseException:
            self.patches.drop(patch_id)
            raise

    def _made(self, patch_id: str, name: str) -> Patch:
        began = time.monotonic()
        folder = self.patches.folder(patch_id)
        tree = Worktree.make(self.root, self.patches.home, f"patch-{patch_id}", folder / "tree")
        errand = self._errand(folder, tree, patch_id)
        self.tell(f"{self.agent_name} works on it; {errand.sandbox.told()}")
        proof = Proof(tree, self.reading, self.root, self.start, self.configuration, self.tell)
        try:
            return self._proven(patch_id, name, tree, errand, proof, began)
        finally:
            proof.clear()

    def _proven(
        self, patch_id: str, name: str, tree: Worktree, errand: Errand, proof: Proof, began: float
    ) -> Patch:
        message = brief(
            self.reading.intent, tree.folder, errand.script, sentences(self.patches.home)
        )
        diff = ""
        for round_ in range(ROUNDS):
            account = self.agent.work(errand, message)
            before, diff = diff, tree.diff(account.written)
            if diff == before and diff:
                break  # the agent has nothing to mend it with
            if not diff:
                raise AgentError(self._nothing(account))
            rungs = proof.climb(diff)
            failed = [rung for rung in rungs if rung.status == "failed"]
            if not failed or account.why or round_ == ROUNDS - 1:
                break
            self.tell(f"{failed[0].name} failed; the agent mends it")
            message = what_failed(rungs)
        patch = self._patch(patch_id, name, tree, errand, account)
        patch.diff, patch.files = diff, changed_files(diff)
        patch.proof, patch.proven = rungs, not failed
        patch.touches = touches(diff, proof.before, tree.folder)
        patch.harness_touched = bool(patch.touches)
        patch.settings = proof.new_settings()
        patch.tried = proof.tried()
        patch.command = proof.command_line()
        patch.notes = [*([account.why] if account.why else []), *proof.notes]
        patch.seconds = round(time.monotonic() - began, 1)
        self.patches.write(patch)
        return patch

    def _errand(self, folder: Path, tree: Worktree, patch_id: str) -> Errand:
        script = self.reading.script
        chosen = self.configuration
        return Errand(
            instruction=self.reading.intent.instruction,
            worktree=tree.folder.resolve(),
            project=self.root,
            script=script.relative_to(self.root)
            if script and script.is_relative_to(self.root)
            else None,
            sandbox=Sandbox([tree.folder.resolve()], network=chosen.agent_network),
            limits=Limits(
                steps=chosen.agent_steps,
                seconds=chosen.agent_seconds,
                tokens=chosen.agent_tokens,
                money=chosen.agent_money,
            ),
            trajectory=Trajectory(
                folder / "trajectory.json", patch_id, self.agent_name, __version__
            ),
        )

    def _nothing(self, account: Account) -> str:
        told = account.why or (f"it said: {account.summary[:120]}" if account.summary else "")
        why = f" ({told})" if told else ""
        return (
            f"the agent `{self.agent_name}` changed nothing{why}; nothing is left behind; say the "
            "instruction in smaller steps, or try another model"
        )

    def _patch(
        self, patch_id: str, name: str, tree: Worktree, errand: Errand, account: Account
    ) -> Patch:
        return Patch(
            id=patch_id,
            name=name,
            instruction=self.reading.intent.instruction,
            status="proposed",
            made=event.now(),
            summary=account.summary,
            agent=self.agent_name,
            model=account.model,
            sandbox=errand.sandbox.told(),
            worktree=str(tree.folder),
            trajectory=str(errand.trajectory.path),
            steps=account.steps,
            tokens=account.tokens,
            cost=account.cost,
            intent=self.reading.intent,
        )


def _home(start: Path) -> str:
    from labhand.core.home import home_of

    return home_of(str(start))


def accept(reference: str, start: Path) -> Patch:
    """The patch, accepted: applied to the project as a commit. Writes the project.

    Raises:
        LabhandError: there is no such patch, it was answered before, or it does not apply any more;
            nothing was changed.
    """
    from labhand.kit.commit import commit

    patches = Patches(Path(_home(start)))
    patch = _open(patches, reference)
    root = project_root(start).resolve()
    tree = Worktree.again(Path(patch.worktree or ""), patches.home)
    final = tree.diff({f.path for f in patch.files}) if tree is not None else patch.diff
    if not final:
        raise UsageError(f"nothing of {patch.name} is left in its worktree; reject it instead")
    files = changed_files(final)
    edited = final != patch.diff
    done = commit(root, final, [f.path for f in files], _message(patch, edited=edited))
    patch.status, patch.commit, patch.final, patch.files = "accepted", done.commit, final, files
    patch.notes += ["a person edited it after it was proven"] if edited else []
    if done.mixed:
        patch.notes.append(f"the commit holds changes in {', '.join(done.mixed)} that were not committed before")  # fmt: skip
    _close(patches, patch, "edited" if edited else "accepted", None)
    return patch


def reject(reference: str, reason: str | None, start: Path) -> Patch:
    """The patch, rejected: its worktree is gone, what was proposed and the reason are kept.

    Raises:
        LabhandError: there is no such patch, or it was answered before.
    """
    patches = Patches(Path(_home(start)))
    patch = _open(patches, reference)
    patch.status, patch.reason = "rejected", reason
    _close(patches, patch, "rejected", reason)
    return patch


def _open(patches: Patches, reference: str) -> Patch:
    patch = patches.find(reference)
    if patch.status != "proposed":
        raise UsageError(f"{patch.name} was {patch.status} already; `labhand implement` proposes a new one")  # fmt: skip
    return patch


def _close(patches: Patches, patch: Patch, said: str, reason: str | None) -> None:
    import shutil

    if patch.worktree:
        shutil.rmtree(patch.worktree, ignore_errors=True)
        patch.worktree = None
    patches.write(patch)
    patches.answer(patch, said, reason)


def _message(patch: Patch, *, edited: bool) -> str:
    """The commit's message: what was asked for, who wrote it, what was proven and what was not."""
    first = " ".join(patch.instruction.split())
    title = first[:1].upper() + first[1:]
    lines = [title if len(title) <= 72 else title[:71] + "…", ""]
    lines += [first, ""] if len(title) > 72 else []
    lines.append(f"Written by labhand's agent {patch.agent}{f' with {patch.model}' if patch.model else ''}{', edited by hand after that' if edited else ''}.")  # fmt: skip
    for status in ("passed", "failed", "skipped"):
        names = [rung.name for rung in patch.proof if rung.status == status]
        lines += [f"Proof {status}: {', '.join(names)}."] if names else []
    if edited:
        lines.append("The proof was made before the edits.")
    what = dict.fromkeys(f"{t.what} ({t.path})" for t in patch.touches)
    lines += [f"Touches what judges results: {', '.join(what)}."] if what else []
    return "\n".join(lines) + "\n"
