"""Faults of a slip of the pen: names, calls and settings."""

import ast
from collections.abc import Iterator

from labhand.check.fault import fault
from labhand.check.planting import Edit, Planted, Program, keyword, last_name, names, receiver

_QUIET = ("zero_grad", "eval", "train", "step", "backward")


@fault("uncalled-method", "parentheses taken off a statement")
def uncalled(p: Program) -> Iterator[Planted]:
    """A method is named and not called."""
    for call in p.calls(*_QUIET):
        if (
            p.alone(call) is not None
            and not call.args
            and not call.keywords
            and isinstance(call.func, ast.Attribute)
            and (p.calls("backward") or p.calls("eval"))
        ):
            yield Planted([Edit(p.end(call.func), p.end(call), "")], [call])


@fault("uncalled-method", "parentheses taken off a value")
def uncalled_value(p: Program) -> Iterator[Planted]:
    """The method is kept in place of the number."""
    for call in p.calls("item"):
        above = p.parents[call]
        kept = isinstance(above, ast.Call) and last_name(above.func) in ("append", "print")
        if kept and isinstance(call.func, ast.Attribute):
            yield Planted([Edit(p.end(call.func), p.end(call), "")], [call])


@fault("typo-requires-grad", "misspelt attribute")
def misspelt(p: Program) -> Iterator[Planted]:
    """`requires_grad` is set by a name that nothing reads."""
    for node in p.nodes:
        if (
            isinstance(node, ast.Attribute)
            and node.attr == "requires_grad"
            and isinstance(node.ctx, ast.Store)
        ):
            yield Planted(
                [Edit(p.end(node) - len("requires_grad"), p.end(node), "require_grad")], [node]
            )


@fault("typo-requires-grad", "a key no optimizer reads")
def unread_key(p: Program) -> Iterator[Planted]:
    """The learning rate is set by a key that no optimizer reads."""
    for node in p.nodes:
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            key = node.slice
            groups = "param_groups" in p.text and "group" in p.src(node.value)
            if groups and isinstance(key, ast.Constant) and key.value == "lr":
                yield Planted([p.put(key, "'learning_rate'")], [node])


@fault("ignored-result", "the result is thrown away")
def ignored(p: Program) -> Iterator[Planted]:
    """`x = x.to(device)` becomes `x.to(device)`."""
    for node in p.nodes:
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        call, target = node.value, node.targets[0]
        tensor = isinstance(call, ast.Call) and last_name(call.func) in (
            "to",
            "cuda",
            "detach",
            "view",
            "reshape",
            "permute",
            "transpose",
            "clamp",
            "squeeze",
            "unsqueeze",
            "dropna",
            "fillna",
        )
        if not tensor or not isinstance(call, ast.Call) or receiver(call) != ast.unparse(target):
            continue
        loaded = {
            n for loop in p.loops(node)[:1] if isinstance(loop, ast.For) for n in names(loop.target)
        }
        shaped = last_name(call.func) not in ("to", "cuda") and isinstance(target, ast.Name)
        if isinstance(target, ast.Name) and (target.id in loaded or shaped):
            yield Planted([p.put(node, p.src(call))], [node])


@fault("config-arg-unused", "a setting that is not read")
def unread(p: Program) -> Iterator[Planted]:
    """A flag is parsed, and its default stands where it was read."""
    for call in p.calls("add_argument"):
        flag = next(
            (
                a.value
                for a in call.args
                if isinstance(a, ast.Constant) and str(a.value).startswith("--")
            ),
            None,
        )
        default = keyword(call, "default")
        told = keyword(call, "dest")
        if (
            flag is None
            or default is None
            or told is not None
            or not isinstance(default.value, ast.Constant)
        ):
            continue
        name = str(flag).lstrip("-").replace("-", "_")
        reads = [
            n
            for n in p.nodes
            if isinstance(n, ast.Attribute) and n.attr == name and isinstance(n.ctx, ast.Load)
        ]
        whole = any(
            word in p.text for word in ("vars(args)", "**args", "args.__dict__", "getattr(args")
        )
        if (
            reads
            and all(ast.unparse(n.value) in ("args", "opt", "config", "parser_args") for n in reads)
            and not whole
            and not _in_format(p, reads)
        ):
            yield Planted([p.put(n, p.src(default.value)) for n in reads], [call, *call.args])


def _in_format(p: Program, reads: list[ast.Attribute]) -> bool:
    """Whether one of them stands in a formatted string, where offsets cannot be trusted."""
    return any(isinstance(p.parents[n], ast.FormattedValue | ast.JoinedStr) for n in reads)


@fault("copy-paste-var", "the list of a part is given another part's value")
def other_part(p: Program) -> Iterator[Planted]:
    """`val_losses.append(val_loss)` is given the training loss."""
    for call in p.calls("append"):
        given = call.args[0] if len(call.args) == 1 else None
        if isinstance(given, ast.Name) and given.id.startswith(("val_", "test_", "valid_")):
            train = f"train_{given.id.partition('_')[2]}"
            held = receiver(call).rpartition(".")[2]
            if train in names(p.function(call)) and held.startswith(given.id.partition("_")[0]):
                yield Planted([p.put(given, train)], [given])


@fault("copy-paste-var", "the batch of the loop before")
def other_batch(p: Program) -> Iterator[Planted]:
    """An evaluation loop scores the variable of the training loop."""
    loops = [n for n in p.nodes if isinstance(n, ast.For) and isinstance(n.target, ast.Tuple)]
    for one in loops:
        for other in loops:
            if (
                one.lineno >= other.lineno
                or p.function(one) is not p.function(other)
                or one in ast.walk(other)
            ):
                continue
            first, second = _plain(one.target), _plain(other.target)
            uses = (
                [
                    n
                    for s in other.body
                    for n in ast.walk(s)
                    if isinstance(n, ast.Name) and n.id == second[:1][0]
                ]
                if second
                else []
            )
            if (
                first
                and second
                and first[0] != second[0]
                and len(uses) == 1
                and _held(p, other)
                and "train" in p.src(one.iter)
            ):
                yield Planted([p.put(uses[0], first[0])], [uses[0]])


def _held(p: Program, loop: ast.For) -> bool:
    return any(word in p.src(loop.iter) for word in ("val", "test"))


def _plain(target: ast.expr) -> list[str]:
    elements = target.elts if isinstance(target, ast.Tuple) else []
    found = [e.id for e in elements if isinstance(e, ast.Name)]
    return found if len(found) == len(elements) else []


@fault("swapped-args", "two arguments change places")
def exchanged(p: Program) -> Iterator[Planted]:
    """Two neighbours that are called as the parameters are change places."""
    known = {f.name: f for f in p.functions if not isinstance(p.parents[f], ast.ClassDef)}
    for call in [n for n in p.nodes if isinstance(n, ast.Call)]:
        function = known.get(call.func.id) if isinstance(call.func, ast.Name) else None
        wanted = [a.arg for a in function.args.args] if function else []
        given = [a.id if isinstance(a, ast.Name) else "" for a in call.args]
        for i in range(min(len(wanted), len(given)) - 1):
            if given[i : i + 2] == wanted[i : i + 2]:
                one, two = call.args[i : i + 2]
                yield Planted([p.put(one, p.src(two)), p.put(two, p.src(one))], [call, one, two])
                break
