"""Weights whose names do not fit the model."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import said

_TEXT = re.compile(
    r"Error\(s\) in loading state_dict|Missing key\(s\) in state_dict|Unexpected key\(s\) in state_dict"
    r"|size mismatch for \S+: copying a param"
)
_MISSING = re.compile(r"Missing key\(s\) in state_dict: (?P<names>(?:\"[^\"]+\"(?:, )?)+)")
_UNEXPECTED = re.compile(r"Unexpected key\(s\) in state_dict: (?P<names>(?:\"[^\"]+\"(?:, )?)+)")
_SIZE = re.compile(
    r"size mismatch for (?P<name>\S+): copying a param with shape (?P<saved>.+?) from checkpoint, "
    r"the shape in current model is (?P<built>.+?)\.(?:\s|$)"
)
_PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "module._orig_mod.", "_orig_mod.module.")


class Failure:
    """The names or shapes of saved weights do not fit the model.

    ## What it does
    Recognises missing and unexpected keys of a `load_state_dict`, and finds out whether only a
    prefix (`module.`, `_orig_mod.`, `model.`) is too much or too little.

    ## Known problems
    Weights of other shapes are of another model; they are never dropped.

    ## Example
    `RuntimeError: Error(s) in loading state_dict for Net: Missing key(s) in state_dict: "weight".`

    ## References
    PyTorch, `Module.load_state_dict`.
    """

    order = 30

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with the prefix to take away or to put before in its evidence."""
        found = said(evidence, _TEXT)
        if found is None:
            return None
        missing, unexpected = _names(_MISSING, found.text), _names(_UNEXPECTED, found.text)
        facts = {
            **found.facts,
            "missing": sorted(missing)[:20],
            "unexpected": sorted(unexpected)[:20],
        }
        counts = {"missing": len(missing), "unexpected": len(unexpected)}
        sizes = list(_SIZE.finditer(found.text))
        counts["of another shape"] = len(sizes)
        told = ", ".join(f"{number} {what}" for what, number in counts.items() if number)
        message = f"saved weights do not fit the model: {told or 'their names or shapes differ'}"
        if sizes:
            message += "; `{name}` is {saved} in the checkpoint and {built} in the model".format(
                **{
                    k: re.sub(r"torch.Size\(\[(.*)\]\)", r"(\1)", v)
                    for k, v in sizes[0].groupdict().items()
                }
            )
        advice = "load them into the model they were saved from; `strict=False` would leave layers untrained"
        for prefix in _PREFIXES if missing and "size mismatch" not in found.text else ():
            if {prefix + name for name in missing} == unexpected:
                facts["taken"] = prefix
            elif {prefix + name for name in unexpected} == missing:
                facts["given"] = prefix
        if "taken" in facts or "given" in facts:
            message += f"; only the prefix `{facts.get('taken') or facts.get('given')}` differs"
        return run.Failure("checkpoint-keys", message, {**facts, "advice": advice})


def _names(pattern: re.Pattern[str], text: str) -> set[str]:
    found = pattern.search(text)
    return set(re.findall(r'"([^"]+)"', found["names"])) if found else set()
