"""Padding that a language model is trained to predict."""

import ast
from collections.abc import Iterator, Mapping

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code import language
from labhand.kit.code.calls import Call
from labhand.kit.code.facts import Spot
from labhand.kit.code.project import Where

_MASKS = (
    "-100", "ignore_index", "label_pad_token_id", "DataCollatorForLanguageModeling(", "SFTTrainer(",
    "DataCollatorForCompletionOnlyLM(", "loss_mask",
)  # fmt: skip
_MODELS = (
    "ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "AutoModelForSeq2SeqLM",
)  # fmt: skip
_PADS = ("torch.nn.utils.rnn.pad_sequence", "torch.nn.functional.pad")
_PACKS = ("pack_padded_sequence", "masked_select", "nonzero")


class Rule:
    """Padding that a language model is trained to predict.

    ## What it does
    Reports labels of transformers' models that come from a padded batch with nothing turned into -100, and
    a cross-entropy over sequences that were padded, without `ignore_index` or a mask.

    ## Why is this bad
    The loss then counts pad tokens, often most of the batch. They are easy, so the loss looks good; the
    model learns to go on padding, and the weight of a sentence depends on what it was batched with.

    ## Known problems
    Silent where -100, `ignore_index`, a mask or a collator that masks is seen anywhere in the files that
    belong together.

    ## Example
    ```python
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    loss = model(**batch, labels=batch["input_ids"]).loss
    ```

    ## Use instead
    ```python
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    loss = model(**batch, labels=labels).loss
    ```

    ## Fix safety
    Scientific: the fix masks the labels of padding, and the loss changes.

    ## References
    - https://huggingface.co/docs/transformers/model_doc/gpt2 (`labels`: "-100 are ignored")
    - A real case: https://github.com/EleutherAI/gpt-neo/pull/45.
    """

    severity: Severity = "error"
    level: Level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The labels of one file that count padding."""
        if code.mentions("labels") and code.mentions("padding=", "pad_to_max_length", ".pad("):
            yield from _labels(code)
        if code.mentions("pad_sequence", "padding=") and code.mentions(
            "cross_entropy", "CrossEntropy", "nll"
        ):
            yield from _own_loss(code)


def _labels(code: Code) -> Iterator[Claim]:
    files = code.project.component(code.source)
    if any(word in one.text for one in files for word in _MASKS):
        return
    if not any(word in one.text for one in files for word in _MODELS):
        return
    for value in _given_as_labels(code):
        padded = language.tokenizer_behind(code.project, _pairs(code.behind(value)))
        if padded is not None and padded.option("padding") is not False:
            yield code.claim(
                value,
                "these labels hold the ids of padding: the model is trained to predict pad tokens",
                "turn the labels of padding into -100",
                because=[code.step("the batch is padded here", padded.node, padded.where)],
                confidence=0.9,
                change=_change(code, value, padded),
            )


def _pairs(flows: Mapping[ast.expr, Spot]) -> Iterator[tuple[ast.expr, Where]]:
    return ((node, spot.where) for node, spot in flows.items())


def _given_as_labels(code: Code) -> Iterator[ast.expr]:
    """What is handed to a model as labels: by keyword, stored under that key, or in a dict."""
    for node in code.nodes(ast.Call):
        labels = next((k.value for k in node.keywords if k.arg == "labels"), None)
        if labels is not None:
            kind = language.model_kind(code.project, node.func, code.where(node))
            if kind in ("causal", "paired"):
                yield labels
    for statement in code.nodes(ast.Assign):
        target = statement.targets[0]
        if isinstance(target, ast.Subscript) and _is_labels(target.slice):
            yield statement.value
    for one in code.nodes(ast.Dict):
        keys = {k.value for k in one.keys if isinstance(k, ast.Constant)}
        for key, value in zip(one.keys, one.values, strict=True):
            if key is not None and _is_labels(key) and "input_ids" in keys:
                yield value


def _is_labels(key: ast.expr) -> bool:
    return isinstance(key, ast.Constant) and key.value == "labels"


def _change(code: Code, value: ast.expr, padded: Call) -> Change | None:
    """Masks by the attention mask of the same encoding, where tensors are surely asked for."""
    if padded.option("return_tensors") != "pt":
        return None
    inner = value
    while isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and not inner.args:
        if inner.func.attr not in ("clone", "detach"):
            return None
        inner = inner.func.value
    match inner:
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value="input_ids")):
            mask = f'{name}["attention_mask"]'
        case ast.Attribute(value=ast.Name(id=name), attr="input_ids"):
            mask = f"{name}.attention_mask"
        case _:
            return None
    text = f"{code.text(inner)}.masked_fill({mask} == 0, -100)"
    return Change("scientific", "Mask the labels of padding", [code.replace(value, text)])


# A loss of one's own


def _own_loss(code: Code) -> Iterator[Claim]:
    for call, loss in code.known("losses", "takes"):
        if (
            "target" not in loss
            or loss.get("classes") != "many"
            or not (call.name or "").startswith("torch")
        ):
            continue
        if call.option("ignore_index") is not None or call.option("reduction") in ("none", ...):
            continue
        target = call.arg(*loss["target"])
        padded = _padded(code, target) if target is not None else None
        if (
            padded is not None
            and not code.mentions("loss_mask", "pad_mask")
            and _trains(code, call)
        ):
            yield code.claim(
                call.node,
                "this loss counts padding: its targets were padded, and nothing says what to leave out",
                "give it the pad token as `ignore_index`",
                because=[code.step("the targets are padded here", padded.node, padded.where)],
                confidence=0.88,
            )


def _padded(code: Code, target: ast.expr) -> Call | None:
    """The call that surely padded a target; None where anything takes the padding out again."""
    flows = code.behind(target)
    for node in flows:
        masked = isinstance(node, ast.Subscript) and "mask" in ast.unparse(node.slice)
        called = ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
        masked = masked or called in ("masked_fill", "masked_fill_", "where")
        if masked or (isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Compare)):
            return None
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in _PACKS:
            return None
    for node, spot in flows.items():
        if isinstance(node, ast.Call):
            call = code.call(node, spot.where)
            if call.name == _PADS[0] and call.option("padding_value") != -100:
                return call
    return language.tokenizer_behind(code.project, _pairs(flows))


def _trains(code: Code, call: Call) -> bool:
    return code.without_gradients(call) is not True
