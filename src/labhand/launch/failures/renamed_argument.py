"""An argument that a library calls by another name now."""

import re

from labhand.core import run
from labhand.launch.change import calls_at, name_of, tree_of
from labhand.launch.job import Evidence
from labhand.launch.raised import Raised
from labhand.launch.renames import ARGUMENTS, NEEDED, Argument
from labhand.launch.said import Said, said

_TEXT = re.compile(
    r"^(?:TypeError|ValueError|AttributeError): (?:(?P<callee>[\w.<>]+)\(\) got (?:an )?unexpected keyword argument '(?P<name>\w+)'"
    r"|Argument\(s\) not recognized: \{'(?P<keras>\w+)'|(?P<owner>[\w.<>]+)\(\) got an unexpected keyword argument:? '?(?P<other>\w+)"
    r"|\w+\.set\(\) got an unexpected keyword argument '(?P<artist>\w+)')"
)
_NEEDS = re.compile(
    r"^TypeError: (?P<function>\w+)\(\) missing 1 required positional argument: '(?P<argument>\w+)'"
)


class Failure:
    """An argument was given by a name that the installed library no longer takes.

    ## What it does
    Recognises arguments of transformers, scikit-learn, pandas, NumPy, SciPy, matplotlib, Keras and
    others that were renamed, in calls into the library; and `yaml.load` without its `Loader`.

    ## Known problems
    A function of the person's own that does not take an argument is a matter of the code, and so is
    a name that the library never had.

    ## Example
    `TypeError: TrainingArguments.__init__() got an unexpected keyword argument 'evaluation_strategy'`

    ## References
    Hugging Face, "Trainer", migration from `evaluation_strategy` to `eval_strategy`.
    """

    order = 42

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with the function, the old and the new name."""
        needed = _needed(said(evidence, _NEEDS))
        if needed is not None:
            return needed
        found = said(evidence, _TEXT)
        if found is None or found.error is None:
            return None
        parts = found.match.groupdict()
        old = parts["name"] or parts["keras"] or parts["other"] or parts["artist"]
        callee = parts["callee"] or parts["owner"] or ""
        known = _known(old, callee, found.error)
        if known is None:
            return None
        function, argument = known
        now = f"it is `{argument.new}` now" if argument.new else "it had come to mean nothing"
        message = f"`{function}` no longer takes `{old}`; {now}"
        advice = (
            f"write `{argument.new}=` in place of `{old}=`"
            if argument.new
            else f"leave `{old}=` out"
        )
        facts = {**found.facts, "function": function, "old": old, "new": argument.new}
        return run.Failure("renamed-argument", message, {**facts, "advice": advice})


def _needed(found: Said | None) -> run.Failure | None:
    """A call that leaves out what the library once filled in."""
    if found is None or found.error is None or found.error.own is None:
        return None
    name, argument = found.match["function"], found.match["argument"]
    module, needed, value = NEEDED.get(name, ("", "", ""))
    own = found.error.own
    if argument != needed or not (f"{module}." in own.code or _imports(own.file, module)):
        return None
    advice = f"write `{needed}={module}.{value}`, which it was before"
    facts = {**found.facts, "function": name, "old": "", "new": needed, "value": value}
    message = f"`{module}.{name}` must be given a `{needed}` now"
    return run.Failure("renamed-argument", message, {**facts, "module": module, "advice": advice})


def _imports(file: str, module: str) -> bool:
    try:
        with open(file, encoding="utf-8") as source:  # noqa: PTH123
            return bool(re.search(rf"^\s*(?:import|from) {module}\b", source.read(), re.M))
    except (OSError, UnicodeDecodeError):
        return False


def _known(old: str, callee: str, error: Raised) -> tuple[str, Argument] | None:
    """The function and the argument, where a library's function of the table was called with it."""
    candidates = [argument for argument in ARGUMENTS if argument.old == old]
    frame = error.own
    if not candidates or frame is None:
        return None
    names = [part for part in callee.split(".") if part not in ("__init__", "<locals>")]
    names += [name for name in _called(frame.file, frame.line, old, frame.code) if name]
    for argument in candidates:
        for name in names:
            if name in argument.functions:
                return (name, argument) if _foreign(name, frame.file) else None
    return None


def _called(file: str, line: int, old: str, code: str) -> list[str]:
    """The names of the functions that the line calls with this argument."""
    try:
        with open(file, encoding="utf-8") as source:  # noqa: PTH123
            tree = tree_of(source.read())
    except (OSError, UnicodeDecodeError):
        tree = None
    if tree is None:
        return re.findall(r"(\w+)\(", code)
    calls = calls_at(tree, line)
    return [name_of(c.func) for c in calls if any(k.arg == old for k in c.keywords)] or re.findall(
        r"(\w+)\(", code
    )


def _foreign(name: str, file: str) -> bool:
    """Whether the name is none that the person's file defines itself."""
    try:
        with open(file, encoding="utf-8") as source:  # noqa: PTH123
            return not re.search(rf"^\s*(?:class|def) {re.escape(name)}\b", source.read(), re.M)
    except (OSError, UnicodeDecodeError):
        return True
