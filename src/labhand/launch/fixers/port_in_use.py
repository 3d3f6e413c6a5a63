"""Chooses a free port."""

import ast
import re
import shlex

import msgspec

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Job, Mending, Situation
from labhand.launch.ports import free_port
from labhand.launch.switches import offered, script, switched

_VARIABLES = ("MASTER_PORT", "PORT", "TENSORBOARD_PORT", "SERVER_PORT", "DASH_PORT")
_TORCHRUN = re.compile(r"(?:^|/)torchrun$|^torch\.distributed\.(?:run|launch)$")
_TOKEN = "<free port>"


class Fixer:
    """Chooses a free port.

    ## What it does
    Finds where the port comes from (the command, MASTER_PORT or PORT, a flag of the script,
    torchrun's default, or a number in the code) and puts a free one in its place.

    ## Known problems
    A port that others must know by its number, such as that of a dashboard, is told with the fix.

    ## Example
    `--port 40213` in place of `--port 8000`

    ## Fix safety
    Neutral: only where processes meet changes.

    ## References
    PyTorch, "torchrun", --master-port.
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The free port in the place the old one came from; None where that is not found."""
        job, port = situation.job, failure.evidence.get("port")
        free = free_port()
        summary = f"uses a free port in place of {port or 'the one in use'}"

        def made(job: Job, patch: str) -> Mending:
            return _with_port(failure, summary, patch, job)

        if port is not None:
            number = re.compile(rf"(?<!\d){port}(?!\d)")
            words = [number.sub(_TOKEN, word) for word in job.command]
            if words != job.command:
                return made(msgspec.structs.replace(job, command=words), shlex.join(words))
            for name in _VARIABLES:
                if number.fullmatch(job.env.get(name, "")):
                    env = job.env | {name: _TOKEN}
                    return made(msgspec.structs.replace(job, env=env), f"export {name}={_TOKEN}")
        launcher = next((i for i, w in enumerate(job.command) if _TORCHRUN.search(w)), None)
        if launcher is not None and "--standalone" not in job.command:
            words = [
                *job.command[: launcher + 1],
                f"--master-port={_TOKEN}",
                *job.command[launcher + 1 :],
            ]
            return made(msgspec.structs.replace(job, command=words), shlex.join(words))
        for setting in offered(situation, re.compile(r"(?:\w+_)?port", re.I)):
            if port is None or str(setting.default) == str(port):
                with_flag = switched(situation, {setting.name: str(free)})
                if with_flag is not None:
                    words = [word.replace(str(free), _TOKEN) for word in with_flag.command]
                    return made(
                        msgspec.structs.replace(with_flag, command=words), shlex.join(words)
                    )
        return _in_code(failure, situation, port, summary)


def _in_code(
    failure: run.Failure, situation: Situation, port: object, summary: str
) -> Mending | None:
    """The number, or the default of the variable, as the files of the traceback write it."""
    main = script(situation)
    for file in dict.fromkeys((str(failure.evidence.get("file", "")), str(main or ""))):
        text = change.text_of(situation.job, file)
        tree = change.tree_of(text) if text is not None else None
        if text is None or tree is None or port is None:
            continue
        edits: list[change.Edit] = []
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or isinstance(node.value, bool):
                continue
            if node.value == port:
                edits.append((node, _TOKEN))
            elif isinstance(node.value, str) and re.search(rf"(?<!\d){port}(?!\d)", node.value):
                written = ast.get_source_segment(text, node) or ""
                edits.append((node, re.sub(rf"(?<!\d){port}(?!\d)", _TOKEN, written)))
        if edits:
            mending = change.code(failure, situation, summary, {file: change.edited(text, edits)})
            return _with_port(failure, summary, mending.fix.patch, mending.apply())
    return None


def _with_port(failure: run.Failure, summary: str, patch: str, job: Job) -> Mending:
    """The free port is drawn when the fix is applied: another process may take an earlier one."""

    def apply() -> Job:
        free = str(free_port())
        return msgspec.structs.replace(
            job,
            command=[word.replace(_TOKEN, free) for word in job.command],
            env={k: free if v == _TOKEN else v for k, v in job.env.items()},
            overlay={k: v.replace(_TOKEN, free) for k, v in job.overlay.items()},
        )

    return change.of_job(failure, summary, patch, job)._replace(apply=apply)
