"""A padded batch that is generated from without its mask."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code import language
from labhand.kit.code.calls import Call

_OWN_PAD = re.compile(r"add_special_tokens\(\s*\{\s*[\"']pad_token")


class Rule:
    """A padded batch that is generated from without its mask.

    ## What it does
    Reports `generate` of a decoder-only model of transformers that is given the ids of a padded batch
    alone, without `attention_mask`.

    ## Why is this bad
    Where the pad token is also the end token, as it is for most decoders, `generate` cannot tell padding
    from text: the pad tokens are attended to, and the same prompt is continued otherwise in another batch.

    ## Known problems
    Silent where a pad token of its own is added, since `generate` then finds the mask itself, for single
    prompts without padding and for encoder-decoder models.

    ## Example
    ```python
    inputs = tokenizer(prompts, padding=True, return_tensors="pt")
    outputs = model.generate(inputs["input_ids"], max_new_tokens=64)
    ```

    ## Use instead
    ```python
    outputs = model.generate(**inputs, max_new_tokens=64)
    ```

    ## Fix safety
    Scientific: the fix passes the mask, and what is generated changes.

    ## References
    - https://huggingface.co/docs/transformers/llm_tutorial
    - Real cases: https://github.com/deepseek-ai/DeepSeek-Coder/issues/112,
      https://github.com/microsoft/DeepSpeedExamples/issues/464.
    """

    severity: Severity = "warning"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The calls of `generate` in one file that are not told what is padding."""
        if not code.mentions(".generate(") or not code.mentions_near("transformers"):
            return
        if _OWN_PAD.search(code.source.text):
            return
        for call in code.calls(".generate"):
            ids = call.arg(0, "input_ids", "inputs")
            told = call.arg(1, "attention_mask") is not None
            whole = any(k.arg is None for k in call.node.keywords)
            if ids is None or told or whole or call.receiver is None:
                continue
            if language.model_kind(code.project, call.receiver, call.where) != "causal":
                continue
            flows = ((node, spot.where) for node, spot in code.behind(ids).items())
            padded = language.tokenizer_behind(code.project, flows)
            if padded is not None and not isinstance(ids, ast.Starred):
                yield _claim(code, call, ids, padded)


def _claim(code: Code, call: Call, ids: ast.expr, padded: Call) -> Claim:
    return code.claim(
        call.node,
        "`generate` is given a padded batch without its mask: where pad and end are one token, it attends "
        "to the padding",
        "pass `attention_mask` too",
        because=[code.step("the prompts are padded here", padded.node, padded.where)],
        confidence=0.9,
        change=_change(code, call, ids),
    )


def _change(code: Code, call: Call, ids: ast.expr) -> Change | None:
    """Passes the mask of the same encoding."""
    inner = ids
    while isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
        if inner.func.attr not in ("to", "cuda", "cpu"):
            return None
        inner = inner.func.value
    match inner:
        case ast.Subscript(value=ast.Name() as whole, slice=ast.Constant(value="input_ids")):
            mask = f'{whole.id}["attention_mask"]'
        case ast.Attribute(value=ast.Name() as whole, attr="input_ids"):
            mask = f"{whole.id}.attention_mask"
        case _:
            return None
    mask += code.text(ids).removeprefix(code.text(inner))
    text = code.text(ids)
    given = f"{text}, attention_mask={mask}"
    if any(ids is a for a in call.node.args) and len(call.node.args) > 1:
        return None
    return Change("scientific", "Pass the mask", [code.replace(ids, given)])
