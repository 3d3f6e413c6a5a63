"""Generated text that is scored together with its prompt."""

import ast
import re
from collections.abc import Iterator, Mapping

from labhand.check.claim import Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code import language
from labhand.kit.code.calls import Call
from labhand.kit.code.facts import Spot

_TAKES_APART = frozenset(
    "replace split rsplit partition rpartition removeprefix search findall finditer match fullmatch sub "
    "index find rfind group groups lstrip splitlines loads parse".split()
)
_SCORES = re.compile(
    r"(score|compute|add|add_batch|corpus_bleu|sentence_bleu|wer|cer|accuracy|exact_match|em|f1|bleu|"
    r"rouge|compute_\w+|evaluate|\w+_score|\w+_match|update)$"
)
_SCORER = re.compile(r"metric|rouge|bleu|score|wer|cer|bert|meteor|accuracy|exact|f1|\bem\b", re.I)


class Rule:
    """Generated text that is scored together with its prompt.

    ## What it does
    Follows the output of `generate` of a decoder-only model of transformers through `decode`, and reports
    the `decode` where the text reaches a comparison or a metric with the prompt still in front.

    ## Why is this bad
    A decoder gives back the prompt and the continuation as one sequence. An exact match then never holds,
    an overlap is measured with the question, and `answer in text` is true when the prompt holds the answer.

    ## Known problems
    Silent where anything takes the text apart on the way: slices, `split`, `replace`, regular expressions.

    ## Example
    ```python
    output = model.generate(**inputs)
    prediction = tokenizer.decode(output[0], skip_special_tokens=True)
    correct += prediction == answer
    ```

    ## Use instead
    ```python
    new = output[0, inputs["input_ids"].shape[1]:]
    prediction = tokenizer.decode(new, skip_special_tokens=True)
    ```

    ## Fix safety
    No fix: where the prompt ends, the code has to say.

    ## References
    - https://huggingface.co/docs/transformers/llm_tutorial
    - A real case: https://github.com/axolotl-ai-cloud/axolotl/pull/3990.
    """

    severity: Severity = "error"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The decoded texts of one file that are scored with their prompts."""
        if not code.mentions(".generate(") or not code.mentions("decode("):
            return
        if not code.mentions_near("transformers") or code.is_test:
            return
        decoded = {c.node: c for c in code.calls(".decode", ".batch_decode") if _whole(code, c)}
        told: set[ast.AST] = set()
        for sink, scored in _scored(code) if decoded else ():
            flows = code.behind(scored)
            hit = next(
                (decoded[n] for n in flows if isinstance(n, ast.Call) and n in decoded), None
            )
            if hit is not None and hit.node not in told and not _taken_apart(flows, hit):
                told.add(hit.node)
                yield code.claim(
                    hit.node,
                    "this text begins with the prompt, which a decoder gives back in front of what it adds, "
                    "and is scored with it",
                    "decode only the new tokens: `output[:, inputs['input_ids'].shape[1]:]`",
                    because=[code.step("it is scored here", sink)],
                    confidence=0.9,
                )


def _whole(code: Code, call: Call) -> bool:
    """Whether a call decodes all that `generate` of a decoder gave."""
    given = call.arg(0, "sequences", "token_ids")
    if given is None:
        return False
    generated = False
    for node, spot in code.behind(given).items():
        if isinstance(node, ast.Subscript) and _cuts(node) and _after(code, node, spot):
            return False
        if isinstance(node, ast.Call):
            inner = code.call(node, spot.where)
            if inner.method == "generate" and inner.receiver is not None:
                kind = language.model_kind(code.project, inner.receiver, spot.where)
                generated |= kind == "causal"
    return generated


def _cuts(node: ast.Subscript) -> bool:
    return any(isinstance(n, ast.Slice) and n.lower is not None for n in ast.walk(node.slice))


def _after(code: Code, node: ast.Subscript, spot: Spot) -> bool:
    """Whether a slice is taken of what was generated, and not of what was given to `generate`."""
    return any(
        isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr == "generate"
        for n in code.behind(spot.at(node.value, ()))
    )


def _scored(code: Code) -> Iterator[tuple[ast.expr, ast.expr]]:
    """What is held against an answer: sides of comparisons, arguments of metrics."""
    for compare in code.nodes(ast.Compare):
        if isinstance(compare.ops[0], ast.Eq | ast.In):
            for side in (compare.left, *compare.comparators):
                if not isinstance(side, ast.Constant):
                    yield compare, side
    for node in code.nodes(ast.Call):
        call = code.call(node)
        if not _SCORES.search(call.method) or call.target is not None:
            continue
        written = ast.unparse(node.func)
        named = {k.arg for k in node.keywords} & {
            "predictions",
            "prediction",
            "hypotheses",
            "preds",
        }
        if named or _SCORER.search(written):
            for given in (*node.args, *(k.value for k in node.keywords)):
                yield node, given


def _taken_apart(flows: Mapping[ast.expr, Spot], hit: Call) -> bool:
    """Whether the text goes through something that may cut the prompt off."""
    for node in flows:
        if node is hit.node:
            continue
        holds = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)
        if holds and isinstance(node, ast.Call):
            last = ast.unparse(node.func).rpartition(".")[2]
            if last in _TAKES_APART or "extract" in last or "parse" in last or "clean" in last:
                return True
        if isinstance(node, ast.Subscript) and _cuts(node) and "len(" in ast.unparse(node.slice):
            return True
    return False
