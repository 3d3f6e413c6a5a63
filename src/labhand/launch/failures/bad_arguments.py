"""Arguments that the script does not take."""

import re

from labhand.core import run
from labhand.launch.job import Evidence

_LINES = re.compile(
    r"^(?:[\w./-]+: error: (?P<argparse>.+)"
    r"|Error: (?P<click>(?:No such (?:option|command)|Missing (?:option|argument|parameter|command)"
    r"|Invalid value|Got unexpected extra argument|Option .* requires an argument).*)"
    r"|│ (?P<typer>(?:No such (?:option|command)|Missing (?:option|argument)|Invalid value).*?)\s*│"
    r"|FATAL Flags parsing error:(?P<absl>.*)"
    r"|ERROR: (?P<fire>Could not consume arg: .*|The function received no value for .*)"
    r"|(?P<hydra>Could not override '.*'\."
    r"|(?:LexerNoViableAltException|Error parsing override).*))$"
)
_VALUES = re.compile(
    r"^Some specified arguments are not used by the HfArgumentParser: (?P<rest>.*)$"
)
_USAGE = re.compile(r"^\s*usage: ", re.IGNORECASE)


class Failure:
    """The script was called with arguments that it does not take, or without one that it needs.

    ## What it does
    Recognises how argparse, click, typer, absl, fire, hydra and transformers' HfArgumentParser turn
    a call down.

    ## Known problems
    What the right value is only the person knows: nothing is ever filled in.

    ## Example
    `train.py: error: the following arguments are required: --data`

    ## References
    The documentation of argparse, "Exiting methods".
    """

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with what the parser said."""
        error = evidence.raised
        if error is not None:
            found = _VALUES.match(error.message)
            if found:
                said = f"arguments that nothing uses: {found['rest']}"
                return _failure(said, error.facts())
            if error.type not in ("SystemExit", "UsageError", "ConfigCompositionException"):
                return None
        if evidence.exit_code not in (1, 2):
            return None
        usage = any(_USAGE.match(line) for line in evidence.lines)
        for line in reversed(evidence.lines):
            found = _LINES.match(line.rstrip())
            if found and (usage or not found["argparse"]):
                said = next(text for text in found.groups() if text is not None).strip()
                others = (other for other in evidence.lines if "--" in other and other != line)
                listed = " ".join(map(str.strip, others))
                facts: dict[str, object] = {"said": line.strip(), "usage": listed[:4000]}
                return _failure(said or "its flags cannot be parsed", facts)
        return None


def _failure(said: str, facts: dict[str, object]) -> run.Failure:
    message = f"the script turned its arguments down: {said}"
    advice = "correct the arguments; the script's `--help` lists what it takes"
    return run.Failure("bad-arguments", message, {**facts, "text": said, "advice": advice})
