"""Labels that are moved by one by hand and once more by the model."""

import ast
import re
from collections.abc import Iterator, Mapping

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code import language
from labhand.kit.code.calls import Call
from labhand.kit.code.facts import Spot

_OWN_LOSS = ("cross_entropy", "CrossEntropyLoss", "nll_loss", "NLLLoss")
_SIZES = re.compile(r"shape|size|len")
_CAUSAL = ("ForCausalLM", "LMHeadModel", "SFTTrainer")


class Rule:
    """Labels that are moved by one by hand and once more by the model.

    ## What it does
    Reports labels that were shifted (`ids[:, 1:]`, `torch.roll(ids, -1)`) and are then given to `labels=` of
    a decoder-only model of transformers, or to its `loss_function`; data sets that make such pairs for it;
    and a loss of one's own that shifts targets which are shifted already.

    ## Why is this bad
    These models shift the labels themselves. Shifted twice, the model learns to give the token after the
    next one: the loss falls, if not as far, and what is generated skips words.

    ## Known problems
    Encoder-decoder models do not shift, so labels for them may be. `shift_labels=` is taken as it is.

    ## Example
    ```python
    model = AutoModelForCausalLM.from_pretrained("gpt2")
    loss = model(input_ids=ids[:, :-1], labels=ids[:, 1:]).loss
    ```

    ## Use instead
    ```python
    loss = model(input_ids=ids, labels=ids).loss
    ```

    ## Fix safety
    Scientific: the fix gives both arguments unshifted, and the model learns another task.

    ## References
    - https://huggingface.co/docs/transformers/model_doc/gpt2 (`labels`: "shifted inside the model")
    - Real cases: https://github.com/huggingface/transformers/issues/47394,
      https://github.com/huggingface/transformers/issues/37830,
      https://github.com/allenai/open-instruct/issues/1549.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The labels of one file that are shifted twice."""
        if code.mentions("labels") and code.mentions_near("transformers", *_CAUSAL):
            yield from _given(code)
            yield from _made(code)
        if code.mentions(*_OWN_LOSS) and code.mentions("1:"):
            yield from _own(code)


def _given(code: Code) -> Iterator[Claim]:
    """Labels that are handed to a model, or to its loss, after a shift."""
    for node in code.nodes(ast.Call):
        labels = next((k.value for k in node.keywords if k.arg == "labels"), None)
        if labels is None:
            continue
        call = code.call(node)
        own = call.method == "loss_function" and call.arg(None, "shift_labels") is None
        bare = call.method == "forward" and call.receiver is not None
        model = call.receiver if bare and call.receiver is not None else node.func
        if not own and language.model_kind(code.project, model, call.where) != "causal":
            continue
        shifted = _shifted(code, code.behind(labels))
        ids = call.arg(0, "input_ids")
        alike = shifted is not None and ids is not None and shifted.node in code.behind(ids)
        if shifted is not None and not alike:
            yield code.claim(
                node,
                f"these labels are shifted already by `{ast.unparse(shifted.node)}`, and the model shifts "
                "them again: it learns the token after the next one",
                "give the ids themselves as labels",
                because=[code.step("they are shifted here", shifted.node, shifted.where)],
                confidence=0.95,
                change=_change(code, call, labels),
            )


def _shifted(code: Code, flows: Mapping[ast.expr, Spot]) -> Spot | None:
    """The shift in a flow that is taken towards the next token."""
    for node, spot in flows.items():
        of_ids = (
            isinstance(node, ast.Subscript)
            and not _SIZES.search(ast.unparse(node.value))
            and code.name(spot.at(node.value)) is None  # such as `sys.argv`
        )
        if of_ids and language.shift(node) == "next" and not _stays(node, spot):
            return spot
        if isinstance(node, ast.Call):
            call = code.call(node, spot.where)
            back = call.arg(1, "shifts", "shift")
            if call.method == "roll" and back is not None and ast.unparse(back) in ("-1", "(-1,)"):
                return spot
    return None


def _stays(node: ast.expr, spot: Spot) -> bool:
    """Whether what is cut off is written to the place that it comes from: `row[1:] = ids[1:]`."""
    statement = spot.where.source.index.statement(node)
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    kept = [t for t in targets if isinstance(t, ast.Subscript)]
    return any(re.search(r"(^|, )1:", ast.unparse(t.slice)) for t in kept)


def _change(code: Code, call: Call, labels: ast.expr) -> Change | None:
    """Both arguments unshifted, where both are slices of the same ids in the call."""
    ids = call.arg(0, "input_ids")
    both = isinstance(ids, ast.Subscript) and isinstance(labels, ast.Subscript)
    if not both or not isinstance(ids, ast.Subscript) or not isinstance(labels, ast.Subscript):
        return None
    same = ast.unparse(ids.value) == ast.unparse(labels.value)
    if language.shift(ids) != "drop" or language.shift(labels) != "next" or not same:
        return None
    if call.arg(None, "attention_mask") is not None:
        return None
    edits = [code.replace(one, code.text(one.value)) for one in (ids, labels)]
    return Change("scientific", "Give the ids unshifted", edits)


# Pairs of inputs and labels that a data set makes for such a model


def _made(code: Code) -> Iterator[Claim]:
    if not _for_causal(code):
        return
    for ids, labels in (*_in_dicts(code), *_stored(code)):
        first = _slice_of(code, ids, "drop")
        second = _slice_of(code, labels, "next")
        alike = first is not None and second is not None
        if alike and first is not None and second is not None:
            alike = first == second or "label" in second or _of_one(code, ids, labels)
        if alike:
            yield code.claim(
                labels,
                f"these labels are `{second}` moved by one, and the model moves them again: it learns the "
                "token after the next one",
                "give the same ids as `input_ids` and `labels`",
                confidence=0.9,
            )


def _in_dicts(code: Code) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The ids and labels of dicts that hold both."""
    for node in code.nodes(ast.Dict):
        keys = [k.value if isinstance(k, ast.Constant) else None for k in node.keys]
        if "input_ids" in keys and "labels" in keys:
            yield node.values[keys.index("input_ids")], node.values[keys.index("labels")]


def _stored(code: Code) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The ids and labels that one function stores into one dict."""
    stored: dict[tuple[object, str], dict[str, ast.expr]] = {}
    for node in code.nodes(ast.Assign):
        match node.targets[0]:
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str() as key)):
                stored.setdefault((code.where(node).scope, name), {})[key] = node.value
    for held in stored.values():
        if "input_ids" in held and "labels" in held:
            yield held["input_ids"], held["labels"]


def _of_one(code: Code, ids: ast.expr, labels: ast.expr) -> bool:
    """Whether ids and labels are made of the same tokens: `r["answer"]` flows into both."""
    parts = [
        {ast.unparse(n) for n in code.behind(x) if isinstance(n, ast.Subscript) and _is_key(n)}
        for x in (ids, labels)
    ]
    return bool(parts[0] & parts[1])


def _is_key(node: ast.Subscript) -> bool:
    return isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)


def _slice_of(code: Code, value: ast.expr, how: str) -> str | None:
    """Of what, as written, a value is such a slice."""
    for node in code.behind(value):
        if isinstance(node, ast.Subscript) and language.shift(node) == how:
            return ast.unparse(node.value)
    return None


def _for_causal(code: Code) -> bool:
    """Whether the project hands batches to a decoder of transformers and takes its loss."""
    files = code.project.component(code.source)
    trained = any("Trainer(" in f.text for f in files)
    own = any("def compute_loss" in f.text for f in files)
    if own or (not trained and any(word in one.text for one in files for word in _OWN_LOSS)):
        return False
    return any(word in one.text for one in files for word in _CAUSAL)


# A loss of one's own


def _own_shift(code: Code, target: ast.expr) -> Spot | None:
    """The shift that a target is, under names and changes of shape."""
    spot = code.spot(target)
    for _ in range(8):
        node = spot.node
        if isinstance(node, ast.Subscript):
            return spot if language.shift(node) == "next" else None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            spot = spot.at(node.func.value, ())
        elif isinstance(node, ast.Name):
            home, bindings = code.project.reaching(node, spot.where)
            values = [b.value for b in bindings if b.how == "assign" and b.value and not b.path]
            if len(values) != 1 or len(bindings) != 1:
                return None
            spot = spot._replace(where=home).at(values[0], ())
        else:
            return None
    return None


def _own(code: Code) -> Iterator[Claim]:
    for call, loss in code.known("losses", "takes"):
        target = call.arg(*loss["target"]) if "target" in loss else None
        given = call.arg(*loss["input"])
        if target is None or given is None or loss["takes"] not in ("logits", "log-probabilities"):
            continue
        drops = any(language.shift(n) == "drop" for n in code.behind(given))
        outer = _own_shift(code, target) if drops else None
        if outer is None or not isinstance(outer.node, ast.Subscript):
            continue
        inner = _shifted(code, code.behind(outer.at(outer.node.value, ())))
        if inner is not None:
            yield code.claim(
                call.node,
                f"these targets are shifted by `{ast.unparse(inner.node)}` and again by "
                f"`{ast.unparse(outer.node)}`: the model learns the token after the next one",
                "shift in one place: where the data is made, or in the loss",
                because=[
                    code.step("shifted here first", inner.node, inner.where),
                    code.step("and here once more", outer.node, outer.where),
                ],
                confidence=0.9,
            )
