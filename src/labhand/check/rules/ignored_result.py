"""A new value that is made and thrown away."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Change, Claim, Code, Level
from labhand.core.finding import Severity
from labhand.kit.code.calls import Call
from labhand.kit.code.origins import receiver_class

_TABLE = re.compile(r"(^|_)(df|data|frame|table|dataset|ds|train|test|val)\d*$", re.I)

_SIZED = frozenset(
    "view reshape permute transpose expand unsqueeze clamp clip masked_fill softmax".split()
)
"""Methods of tensors that say nothing without an argument."""

_SHAPES = frozenset("view reshape permute transpose unsqueeze squeeze expand flatten".split())
"""Methods of tensors that are given sizes or numbers of dimensions."""


class Rule:
    """A new value that is made and thrown away.

    ## What it does
    Reports a statement that calls a method which changes nothing and gives back a new value
    (`x.to(device)` of a tensor, `loss.detach()`, `df.dropna()`, `dataset.map(f)`, `x.at[i].set(v)`,
    `optax.apply_updates(…)`), and `nn.Dropout(x)`, which makes a layer of rate `x`.
    What a method of tensors gives back is told only if this rule is selected, unless it is given sizes
    or dimensions, as `x.view(n, -1)`.

    ## Why is this bad
    The line reads as if something happened. The rows with gaps are still there, the tensor is still on
    the CPU or still holds the graph.

    ## Known problems
    Silent for `to` and `cuda` of modules and of what a tokenizer gives, which work in place, for
    `inplace=True`, and at the end of a notebook's cell, where the value is shown.

    ## Example
    ```python
    df.dropna()
    inputs.to(device)
    ```

    ## Use instead
    ```python
    df = df.dropna()
    inputs = inputs.to(device)
    ```

    ## Fix safety
    Scientific: the fix assigns the value to the name it was made from.

    ## References
    - https://docs.pytorch.org/docs/stable/generated/torch.Tensor.to.html
    - https://pandas.pydata.org/docs/reference/api/pandas.DataFrame.dropna.html
    - Real case: rule W5503 of https://github.com/SERG-Delft/dslinter counts them in pandas code.
    """

    severity: Severity = "error"
    level: Level = "correctness"

    def check(self, code: Code) -> Iterator[Claim]:
        """The values of one file that are made and thrown away."""
        for statement in code.nodes(ast.Expr):
            node = statement.value
            if isinstance(node, ast.Call) and not code.shown(statement):
                yield from _dropped(code, statement, node)
        if code.mentions("forward"):
            yield from _layers(code)


def _dropped(code: Code, statement: ast.Expr, node: ast.Call) -> Iterator[Claim]:
    function = node.func
    method = function.attr if isinstance(function, ast.Attribute) else ""
    last = method or ast.unparse(function)
    kinds = code.table("results")
    functions = kinds["functions"]["new"]
    known = any(last in names for names in kinds["dropped"].values())
    if not known and not any(n.endswith(f".{last}") for n in functions):
        return
    call = code.call(node)
    if call.name in functions and not _is_tried(code, statement):
        exported = statement in code.source.tree.body and _is_exported(code)
        if call.arg(None, "out") is None and not exported:
            yield _claim(code, statement, node, call.arg(0))
        return
    receiver = call.receiver
    if receiver is None or not method or _in_place(code, call) or _is_tested(code, statement):
        return
    if _is_new(code, call, receiver, method):
        claim = _claim(code, statement, node, _root(receiver, method))
        # A method of that name may be one of another object, which keeps what it computes.
        of_tensor = method in kinds["dropped"]["tensor"] and method not in kinds["dropped"]["table"]
        unsure = of_tensor and not _is_shape(call)
        yield claim._replace(level="possible") if unsure else claim


def _is_shape(call: Call) -> bool:
    """Whether a method is given sizes: `x.view(n, -1)` is one of tensors and arrays alone."""
    sizes = call.node.args
    numbers = (
        ast.Constant,
        ast.UnaryOp,
        ast.BinOp,
        ast.Name,
        ast.Attribute,
        ast.Subscript,
        ast.Call,
    )
    return (
        call.method in _SHAPES
        and isinstance(call.receiver, ast.Name)
        and bool(sizes)
        and not call.node.keywords
        and any(_is_size(a) for a in sizes)
        and all(isinstance(a, numbers) for a in sizes)
    )


def _is_size(given: ast.expr) -> bool:
    """A whole number, or what a shape is asked for."""
    if isinstance(given, ast.UnaryOp) and isinstance(given.op, ast.USub):
        given = given.operand
    if isinstance(given, ast.Constant):
        return type(given.value) is int
    return bool(re.search(r"\.(size\(|shape\b)|\blen\(", ast.unparse(given)))


def _is_new(code: Code, call: Call, receiver: ast.expr, method: str) -> bool:
    kinds = code.table("results")["dropped"]
    if isinstance(receiver, ast.Name) and receiver.id == "self":
        return False
    if code.name(receiver) is not None or receiver_class(code.project, receiver, call.where):
        return False
    if method in kinds["jax"] and code.mentions("jax"):
        return _is_pure(call, receiver)
    in_place = method == "reshape" and code.mentions("paddle", "caffe", "openvino", "tensorrt")
    if in_place or (method in _SIZED and not call.node.args):
        return False  # what takes no sizes is no tensor: a picture that is shown, a memory that is looked at
    if method in kinds["tensor"]:
        arrays = method == "reshape" and code.mentions("numpy", "keras")
        return (
            (arrays or code.mentions("torch"))
            and _plain(code, receiver)
            and not _is_module(code, receiver)
        )
    if method in kinds["device"]:
        return code.mentions("torch") and _is_tensor(code, receiver)
    if method in kinds["table"]:
        return code.mentions("pandas", "polars") and _is_table(code, receiver)
    if method in kinds["dataset"]:
        return _is_dataset(code, receiver)
    if method in kinds["text"]:
        return code.is_a(receiver, "str") or _is_text(code, receiver)
    return False


def _is_pure(call: Call, receiver: ast.expr) -> bool:
    """`x.at[i].set(v)`, and `state.apply_gradients(grads=…)` of flax."""
    if call.method == "apply_gradients":
        return any(k.arg == "grads" for k in call.node.keywords)
    inner = receiver.value if isinstance(receiver, ast.Subscript) else None
    return isinstance(inner, ast.Attribute) and inner.attr == "at"


def _plain(code: Code, receiver: ast.expr) -> bool:
    """Whether it is written as a tensor is: a name, or what is kept in an attribute that surely is one."""
    if isinstance(receiver, ast.Subscript):
        return _plain(code, receiver.value)
    if isinstance(receiver, ast.Attribute):
        made = code.made_by(receiver)
        tensors = {*code.words("results", "factories", "tensor"), "torch.nn.Parameter"}
        in_it = receiver.attr in ("data", "grad", "weight", "bias")
        return in_it or (made is not None and made.name in tensors)
    return isinstance(receiver, ast.Name)


def _is_module(code: Code, receiver: ast.expr) -> bool:
    return code.is_a(receiver, "torch.nn.Module") or bool(
        re.search(
            r"model|net$|module|layer|thread|process|self$|ax$|view$", ast.unparse(receiver), re.I
        )
    )


def _is_tensor(code: Code, receiver: ast.expr) -> bool:
    """Whether it surely is a tensor: unpacked from a batch, taken out of one, or made as one."""
    if isinstance(receiver, ast.Subscript):
        key = receiver.slice
        base = receiver.value
        named = isinstance(key, ast.Constant) and isinstance(key.value, str)
        return (
            named and isinstance(base, ast.Name) and bool(re.search(r"batch|sample|item", base.id))
        )
    if not isinstance(receiver, ast.Name):
        return False
    bindings = code.project.reaching(receiver, code.where(receiver))[1]
    return bool(bindings) and all(_tensor_binding(code, b, receiver) for b in bindings)


def _tensor_binding(code: Code, bound: object, name: ast.Name) -> bool:
    how, value, path = bound.how, bound.value, bound.path  # type: ignore[attr-defined]
    if value is None:
        return False
    if how == "loop":
        depth = 2 if ast.unparse(value).startswith("enumerate(") else 1
        node = bound.node  # type: ignore[attr-defined]
        trains = isinstance(node, ast.For) and code.loop(node).kind in ("batch", "inference")
        loader = trains or code.loader(value)
        known = not re.search(r"batch|graph|enc|meta|info|name|idx|index", name.id)
        return len(path) >= depth and bool(loader) and known
    made = (
        code.call(value) if how == "assign" and isinstance(value, ast.Call) and not path else None
    )
    factories = code.words("results", "factories", "tensor")
    return made is not None and made.name in factories


def _is_table(code: Code, receiver: ast.expr) -> bool:
    made = code.made_by(receiver)
    if made is not None:
        return (made.name or "").startswith(("pandas.", "polars."))
    name = receiver.attr if isinstance(receiver, ast.Attribute) else ast.unparse(receiver)
    return isinstance(receiver, ast.Name | ast.Attribute) and bool(_TABLE.search(name))


def _is_dataset(code: Code, receiver: ast.expr) -> bool:
    inner = receiver.value if isinstance(receiver, ast.Subscript) else receiver
    made = code.made_by(inner)
    return made is not None and made.name in ("datasets.load_dataset", "datasets.Dataset.from_dict")


def _is_text(code: Code, receiver: ast.expr) -> bool:
    if not isinstance(receiver, ast.Name):
        return False
    bindings = code.project.reaching(receiver, code.where(receiver))[1]
    return bool(bindings) and all(
        isinstance(b.value, ast.Constant | ast.JoinedStr)
        and (isinstance(b.value, ast.JoinedStr) or isinstance(b.value.value, str))
        for b in bindings
    )


def _in_place(code: Code, call: Call) -> bool:
    return call.option("inplace", False) is not False or any(
        k.arg is None for k in call.node.keywords
    )


def _is_tested(code: Code, statement: ast.Expr) -> bool:
    """Whether it only asks if the call raises."""
    shown = statement in code.source.tree.body and _is_exported(code)
    return _is_tried(code, statement) or code.is_test or shown


def _is_tried(code: Code, statement: ast.Expr) -> bool:
    for above in code.source.index.ancestors(statement):
        if isinstance(above, ast.With) and any(
            re.search(r"raises|warns|suppress|assert", ast.unparse(i.context_expr))
            for i in above.items
        ):
            return True
        if isinstance(above, ast.Try) and len(above.body) == 1:
            return True
    return False


def _is_exported(code: Code) -> bool:
    """Whether a file was a notebook: its cells show values by naming them, or are numbered."""
    bare = (s for s in code.source.tree.body if isinstance(s, ast.Expr))
    return code.mentions("# In[", "# %%") or any(isinstance(s.value, ast.Name) for s in bare)


def _root(receiver: ast.expr, method: str) -> ast.expr | None:
    if method in ("set", "add") and isinstance(receiver, ast.Subscript):
        inner = receiver.value
        return inner.value if isinstance(inner, ast.Attribute) else None
    return receiver


def _claim(code: Code, statement: ast.Expr, node: ast.Call, target: ast.expr | None) -> Claim:
    shown = ast.unparse(node)
    shown = shown if len(shown) < 60 else f"{ast.unparse(node.func)}(…)"
    change = None
    name = (
        ast.unparse(target)
        if isinstance(target, ast.Name | ast.Attribute | ast.Subscript)
        else None
    )
    if name is not None:
        edits = [code.replace(statement, f"{name} = {code.text(node)}")]
        change = Change("scientific", f"Assign it to `{name}`", edits)
    return code.claim(
        node,
        f"`{shown}` gives back a new value, which is thrown away: nothing changes",
        f"assign it: `{name or '…'} = {shown}`",
        confidence=0.96,
        change=change,
    )


def _layers(code: Code) -> Iterator[Claim]:
    """`nn.Dropout(x)` in a `forward`: a layer is made where its answer was meant."""
    names = code.words("results", "layers", "activation")
    for call in code.calls(*names):
        if call.where.scope.name not in ("forward", "__call__", "call") or not call.node.args:
            continue
        given = call.node.args[0]
        parent = code.source.index.parents.get(call.node)
        called = isinstance(parent, ast.Call) and parent.func is call.node
        if called or not isinstance(given, ast.Name) or not _flows(code, given, call):
            continue
        yield code.claim(
            call.node,
            f"`{ast.unparse(call.node)}` makes a layer and applies it to nothing: `{given.id}` is taken for "
            "its first setting",
            f"make the layer in `__init__` and call it with `{given.id}`",
            confidence=0.97,
        )


def _flows(code: Code, given: ast.Name, call: Call) -> bool:
    """Whether a name comes from the first input of `forward`."""
    parameters = call.where.scope.parameters[1:]
    return any(isinstance(n, ast.Name) and n.id in parameters[:1] for n in code.behind(given))
