"""Faults in training and asking language models."""

import ast
from collections.abc import Iterator

from labhand.check.fault import fault
from labhand.check.planting import Edit, Planted, Program, keyword, last_name


@fault("lm-double-shift", "labels shifted for a model that shifts them")
def shifted(p: Program) -> Iterator[Planted]:
    """The labels of a causal model are shifted by hand."""
    if "ForCausalLM" not in p.text and "LMHead" not in p.text:
        return
    for call in [n for n in p.nodes if isinstance(n, ast.Call)]:
        labels, ids = keyword(call, "labels"), keyword(call, "input_ids")
        given = ids.value if ids is not None else call.args[0] if call.args else None
        if labels is not None and isinstance(given, ast.Name | ast.Subscript | ast.Attribute):
            edits = [
                p.put(labels.value, f"{p.src(labels.value)}[:, 1:]"),
                p.put(given, f"{p.src(given)}[:, :-1]"),
            ]
            yield Planted(edits, [call, labels.value])


@fault("lm-no-shift", "targets are the tokens themselves")
def not_shifted(p: Program) -> Iterator[Planted]:
    """`x[i + 1 : i + 1 + n]` becomes `x[i : i + n]`."""
    for node in p.nodes:
        cut = node.slice if isinstance(node, ast.Subscript) else None
        if (
            not isinstance(node, ast.Subscript)
            or not isinstance(cut, ast.Slice)
            or not cut.lower
            or not cut.upper
        ):
            continue
        lower = ast.unparse(cut.lower)
        index = lower.removesuffix(" + 1")
        others = [
            n for n in ast.walk(p.function(node)) if isinstance(n, ast.Subscript) and n is not node
        ]
        twin = [
            n
            for n in others
            if ast.unparse(n.value) == ast.unparse(node.value)
            and isinstance(n.slice, ast.Slice)
            and n.slice.lower
            and ast.unparse(n.slice.lower) == index
        ]
        if lower != index and twin:
            target = p.statement(node)
            yield Planted([p.put(node, p.src(twin[0]))], [node, target])


@fault("lm-no-shift", "neither logits nor targets are moved")
def unmoved(p: Program) -> Iterator[Planted]:
    """`logits[:, :-1]` and `ids[:, 1:]` become the whole tensors."""
    cuts = [n for n in p.nodes if isinstance(n, ast.Subscript)]
    for one in cuts:
        for other in cuts:
            written = p.src(one).replace(" ", ""), p.src(other).replace(" ", "")
            cut = written[0].endswith(("[:,:-1]", "[:,:-1,:]", "[...,:-1,:]")) and written[
                1
            ].endswith(("[:,1:]", "[...,1:]"))
            if cut and p.function(one) is p.function(other) and "logits" in written[0]:
                edits = [p.put(one, p.src(one.value)), p.put(other, p.src(other.value))]
                losses = p.calls("cross_entropy", "loss_fct", "criterion", within=p.function(one))
                yield Planted(edits, [*losses, other, p.statement(other)])


@fault("lm-pad-in-loss", "padding stays in the labels")
def padding_stays(p: Program) -> Iterator[Planted]:
    """The statement that takes padding out of the labels is gone."""
    for node in p.nodes:
        if (
            isinstance(node, ast.Assign)
            and "-100" in p.src(node.value)
            and isinstance(node.targets[0], ast.Subscript)
        ):
            masked = ast.unparse(node.targets[0].value)
            uses = [
                k.value
                for c in p.nodes
                if isinstance(c, ast.Call) and (k := keyword(c, "labels")) is not None
            ]
            used = [u for u in uses if masked in ast.unparse(u)]
            made = [
                n.value
                for n in p.nodes
                if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == masked
            ]
            if "padding" in p.text:
                yield Planted([p.drop(node)], [*used, *made])


@fault("lm-pad-in-loss", "the loss is not told the pad token")
def pad_counts(p: Program) -> Iterator[Planted]:
    """`ignore_index` is left out."""
    for call in p.calls("CrossEntropyLoss", "cross_entropy"):
        told = keyword(call, "ignore_index")
        if told is None or "pad" not in p.src(told.value).lower():
            continue
        others = [
            v
            for v in [*call.args, *(k.value for k in call.keywords)]
            if p.end(v) < p.start(told.value)
        ]
        start = max((p.end(v) for v in others), default=p.offset(told.lineno, told.col_offset))
        uses = [
            c for c in p.nodes if isinstance(c, ast.Call) and ast.unparse(c.func) == p.target(call)
        ]
        yield Planted([Edit(start, p.end(told.value), "")], [call, *uses])


@fault("gen-pad-right", "padded on the right")
def right(p: Program) -> Iterator[Planted]:
    """The side of padding is left out."""
    generates = p.calls("generate")
    for call in p.calls("from_pretrained"):
        told = keyword(call, "padding_side")
        if told is not None and p.src(told.value).strip("'\"") == "left" and generates:
            others = [*call.args, *(k.value for k in call.keywords if k is not told)]
            before = [p.end(o) for o in others if p.end(o) < p.start(told.value)]
            if before:
                yield Planted([Edit(max(before), p.end(told.value), "")], [*generates, call])


@fault("gen-no-attention-mask", "the mask left out")
def no_mask(p: Program) -> Iterator[Planted]:
    """`generate(**batch)` becomes `generate(batch["input_ids"])`."""
    for call in p.calls("generate"):
        spread = [k for k in call.keywords if k.arg is None and isinstance(k.value, ast.Name)]
        if spread and not call.args and "padding" in p.text:
            whole = spread[0].value
            edit = Edit(p.start(whole) - 2, p.end(whole), f'input_ids={p.src(whole)}["input_ids"]')
            yield Planted([edit], [call])


@fault("gen-slice-prompt", "the prompt stays in what is scored")
def prompt_stays(p: Program) -> Iterator[Planted]:
    """`out[:, n:]` becomes `out`."""
    generated = {p.target(c) for c in p.calls("generate")} - {""}
    for call in p.calls("decode", "batch_decode"):
        given = call.args[0] if call.args else None
        if (
            isinstance(given, ast.Subscript)
            and ast.unparse(given.value) in generated
            and "shape" in p.src(given)
        ):
            kept = (
                p.src(given.value)
                if last_name(call.func) == "batch_decode"
                else f"{p.src(given.value)}[0]"
            )
            yield Planted([p.put(given, kept)], [call])
