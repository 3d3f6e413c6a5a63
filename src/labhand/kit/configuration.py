"""The settings of a project: `[tool.labhand]` in pyproject.toml, or labhand.toml, which beats it."""

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any, Literal

import msgspec

from labhand.core.errors import UsageError

Allowed = Literal["neutral", "ask", "all", "off"]
HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-3]):([0-5]\d)")
OnAlarm = Literal["stop", "checkpoint", "ask", "none"]


class AgentCommand(msgspec.Struct, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """An agent that speaks ACP.

    `environment`: names of variables that it gets beside the plain ones, such as that of its key.
    `write`: folders that its own process may write beside the worktree.
    """

    command: list[str]
    environment: list[str] = []
    write: list[str] = []


class Configuration(msgspec.Struct, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """What a project may set. Each field's line below it is its documentation."""

    check: Literal["tell", "stop", "off"] = "tell"
    """Before a run: tell findings, stop on a finding of severity error, or do not check."""
    select: list[str] = []
    """Rules of check that alone are run; empty: all that are on by default."""
    ignore: list[str] = []
    """Rules of check that are not run."""
    per_file_ignores: dict[str, list[str]] = {}
    """Rules that are not run on the files that match a glob."""
    baseline: str = ""
    """A document of check (`--format json`), by its path in the project; its findings are not told again."""
    fix: Allowed = "neutral"
    """Which fixes `labhand run` may apply: neutral ones, after asking, all, or none (off)."""
    roles: dict[str, str] = {}
    """The role of a metric by its name, where watch cannot tell it: `quality = "validation-score"`."""
    notify: list[str] = []
    """Addresses of apprise that alarms and ends are sent to; `LABHAND_NOTIFY` beats it, apart by blanks."""
    notify_on: tuple[Literal["finish", "failure", "alarm"], ...] = ("finish", "failure", "alarm")
    """What is sent to them."""
    quiet_hours: str = ""
    """Hours of the day in which nothing is sent, such as `22:00-07:00`; it comes in one message after."""
    on_alarm: OnAlarm = "none"
    """What a confirmed alarm leads to: see `labhand run --on-alarm`."""
    on_alarm_command: str = ""
    """A shell command for each confirmed alarm; gets the finding as JSON on stdin and in LABHAND_FINDING."""
    alarm_grace: float = 60.0
    """Seconds that a run has to save and end by itself once an alarm stops it."""
    alarms_per_1000: float = 3.0
    """False alarms that are accepted in a thousand healthy runs; fewer mean that more is missed."""
    agent_steps: int = 40
    """Answers of a model that `labhand implement` takes at most; 0: no limit, as in those that follow."""
    agent_seconds: float = 900.0
    """Seconds an agent may work."""
    agent_tokens: int = 1_000_000
    """Tokens it may use."""
    agent_money: float = 0.0
    """What it may cost, in the money of an endpoint that tells costs."""
    agent_network: bool = False
    """Whether its commands, and the code it wrote while that is proven, may use the network."""
    agents: dict[str, AgentCommand] = {}
    """Agents for `--agent NAME` that speak ACP: `[agents.NAME]` with `command = […]`, `environment`, `write`."""
    proof_seconds: float = 300.0
    """Seconds that the proof of a patch takes at most."""
    price: float = 0.0
    """What an hour of a run costs, in your money: shown while it goes on, and held to `--limit 5$`."""
    stop_lost: bool = False
    """Whether runs of a sweep that are plainly lost are stopped: see `labhand run --stop-lost`."""
    resume_flag: str = ""
    """The scripts' own switch that takes a run up again from a checkpoint, where it is not found."""
    slots: int = 0
    """Runs of the queue that go at once; 0: one a core, and as many as there are GPUs for."""
    slurm: dict[str, Any] = {}
    """What `--on slurm` asks of Slurm, by submitit's names or sbatch's: `partition`, `time`, `account`, …"""
    ray: dict[str, Any] = {}
    """What `--on ray` asks of Ray: `address`, `entrypoint-num-cpus`, `entrypoint-memory`, `runtime-env`, …"""
    report: bool = True
    """Whether `labhand run` writes report.html."""


def read(root: Path) -> Configuration:
    """The settings of the project at `root`; defaults where nothing is set.

    Raises:
        UsageError: a file cannot be parsed, or names a setting that does not exist.
    """
    table: dict[str, Any] = {}
    for path, inner in ((root / "pyproject.toml", True), (root / "labhand.toml", False)):
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            if inner:
                continue  # a broken pyproject.toml is its own tool's business, not ours
            raise UsageError(f"{path} cannot be read: {error}; mend or remove it") from error
        table |= content.get("tool", {}).get("labhand", {}) if inner else content
    return _convert(table, root)


def _convert(table: dict[str, Any], root: Path) -> Configuration:
    known = [field.encode_name for field in msgspec.structs.fields(Configuration)]
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(known)}"
            raise UsageError(f"the settings of {root} hold an unknown key `{key}`; {hint}")
    try:
        chosen = msgspec.convert(table, Configuration)
    except msgspec.ValidationError as error:
        raise UsageError(f"the settings of {root} are wrong: {error}") from error
    if chosen.quiet_hours and not HOURS.fullmatch(chosen.quiet_hours):
        raise UsageError(
            f"the settings of {root} hold no hours in `quiet-hours`: {chosen.quiet_hours}; write "
            "them as 22:00-07:00"
        )
    return chosen
