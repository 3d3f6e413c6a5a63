"""A variable of the environment that is not set."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import Said, called, said

_TEXT = re.compile(
    r"[Ee]nvironment variable:? [`'\"$]*(?P<omega>[A-Za-z_]\w*)['\"`]* (?:is )?(?:not found|not set|not defined|missing"
    r"|unset|required|must be set)|EnvError: Environment variable \"(?P<environs>\w+)\" not set"
    r"|(?P<decouple>\w+) not found\. Declare it as envvar|^\S+: (?:line \d+: )?(?P<shell>\w+): unbound variable"
    r"|^\S+: (?:line \d+: )?(?P<null>\w+): parameter (?:null or )?not set"
    r"|\$?(?P<said>[A-Z][A-Z0-9]*_[A-Z0-9_]+|[A-Z]{4,}) (?:environment variable|env(?:ironment)? ?var(?:iable)?)\b"
    r"[^\n]{0,20}(?:not set|missing|required|unset|must|undefined|not found)"
    r"|(?:[Ss]et|[Ee]xport|[Dd]efine|[Mm]issing|[Uu]nset|[Uu]ndefined)(?: the)?(?: required)? (?:env(?:ironment)? ?var(?:iable)?s?):? "
    r"[`'\"$]*(?P<wanted>[A-Za-z_]\w*)"
)
_GOT = re.compile(r"(?:getenv|environ\.get)\(\s*['\"](?P<got>\w+)['\"]\s*\)")
_KEY = re.compile(r"^KeyError: ['\"](?P<key>[A-Za-z_]\w*)['\"]$")


class Failure:
    """A variable of the environment that the code needs is not set.

    ## What it does
    Recognises a KeyError of `os.environ`, and what environs, decouple, OmegaConf, shells and
    scripts themselves say of one that is not set.

    ## Known problems
    What its value should be only the person, or a file of the project, knows.

    ## Example
    `KeyError: 'DATA_ROOT'` at `os.environ['DATA_ROOT']`

    ## References
    The Python documentation, `os.environ`.
    """

    order = 26

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with the name of the variable."""
        found = said(evidence, _TEXT, last=10) or said(evidence, _KEY) or _asked(evidence)
        if found is None:
            return None
        if found.error is None and found.match.groupdict().get("wanted"):
            return None  # advice that was printed, such as hydra's
        if found.match.re is _KEY and not called(found.error, "environ", "<frozen os>", "/os.py"):
            return None
        name = next(part for part in found.match.groups() if part)
        message = f"the environment variable {name} is not set"
        advice = f"set it before the command: `{name}=… labhand run …`"
        return run.Failure(
            "missing-variable", message, {**found.facts, "variable": name, "advice": advice}
        )


def _asked(evidence: Evidence) -> Said | None:
    """The variable that the failing line asks for, got None for, and uses all the same."""
    error = evidence.raised
    if error is None or error.own is None or "NoneType" not in error.message:
        return None
    found = _GOT.search(error.own.code)
    if found is None or found["got"] in evidence.env:
        return None
    return Said(found, error.facts(), error)
