"""The settings that stand in running code: arguments of calls, defaults of parameters, fields that are set."""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from labhand.kit.code import nameless
from labhand.kit.code.compared import TAKES, last
from labhand.kit.code.data import (
    BAGS,
    SETTINGS_NAME,
    Kind,
    Setting,
    documented,
    is_read_by_key,
    literal,
    pairs_of,
    remark,
    untyped,
)
from labhand.kit.code.model import FunctionNode, Scope
from labhand.kit.code.project import Project, Where
from labhand.kit.code.running import Running
from labhand.kit.code.source import Source

_LIBRARIES = re.compile(
    r"^(torch\.(optim|utils\.data)\b|torch\.nn\.(utils|\w+Loss$)|tensorflow\.keras\.(optimizers|callbacks|utils)|keras\.(optimizers|callbacks|utils)|"
    r"tf\.keras\.(optimizers|callbacks|utils)|sklearn\.|xgboost\.|lightgbm\.|catboost\.|optax\.|transformers\.|lightning\.|pytorch_lightning\.|"
    r"accelerate\.|timm\.|trl\.|peft\.)"
)
"""Whose arguments say how a training goes."""
_METHODS = frozenset("fit compile train train_test_split".split())
_POSITIONS: tuple[tuple[str, int, str], ...] = (
    (r"\.clip_grad_norm_$", 1, "max_norm"),
    (r"\.clip_grad_value_$", 1, "clip_value"),
    (r"^torch\.optim\.[A-Z]\w+$", 1, "lr"),
    (r"\.DataLoader$", 1, "batch_size"),
    (r"\.ExponentialLR$", 1, "gamma"),
    (r"\.MultiStepLR$", 1, "milestones"),
    (r"\.OneCycleLR$", 1, "max_lr"),
    (r"^(numpy\.)?random\.(seed|default_rng)$|^jax\.random\.(PRNGKey|key)$", 0, "seed"),
    (r"\.StepLR$", 1, "step_size"),
    (r"\.StepLR$", 2, "gamma"),
    (r"\.CosineAnnealingLR$", 1, "T_max"),
    (r"keras\.optimizers\.[A-Z]\w+$", 0, "learning_rate"),
    (r"keras\.layers\.Dense$", 0, "units"),
    (r"keras\.layers\.(Spatial)?Dropout\w*$", 0, "rate"),
    (r"^torch\.nn\.Dropout\w*$", 0, "p"),
    (r"^optax\.(adamw?|sgd|lion|rmsprop|adagrad)$", 0, "learning_rate"),
    (r"^torch\.(random\.)?manual_seed$|\.seed_everything$|(^|\.)set_seed$|\.set_random_seed$", 0, "seed"),
)  # fmt: skip
"""What the plain arguments of well-known calls are called."""
_DROPOUT = re.compile(r"(^|\.)(torch\.nn|keras\.layers|flax\.linen)\.Dropout\d?d?$")
_NO_SETTINGS = frozenset(
    "verbose n_jobs dim axis keepdim inplace download train help default type header sep key index_col "
    "batch_first bias required nargs action file end flush stratify return_X_y as_frame map_location strict reduction prefix".split()
)
"""Arguments that change nothing that a researcher tries."""
_LOOPS = {
    "epoch": "epochs", "ep": "epochs", "e": "epochs", "step": "steps", "iteration": "iterations", "it": "iterations",
    "iter": "iterations", "episode": "episodes", "global_step": "steps", "t": "steps",
}  # fmt: skip
"""What a loop over a plain range counts, by the name of its variable."""


def settings(project: Project, files: Sequence[Source]) -> Iterator[Setting]:
    """The settings that stand in the code that runs from the first of these files, file by file, by their lines.

    Of the other files only what says how a training goes, and the defaults that no call gives.
    """
    running = Running(project, files)
    for source in files:
        found: list[Setting] = []
        for where in running.places:
            if where.source is not source:
                continue
            if source is files[0]:
                found += _fixed_names(where)
            for call in where.scope.calls:
                found += _of_call(running, call, where)
            found += _of_loops(where)
            found += _of_parameters(running, where)
            for name, value in nameless.found(where.scope):
                found += _setting(name, value, where, where.scope.name.strip("<>"), value)
        found += _of_dropout(project, source)
        yield from sorted(found, key=lambda s: s.line)


def _of_dropout(project: Project, source: Source) -> Iterator[Setting]:
    """The rate of the one layer of a file that drops units; of several none is the setting."""
    layers = [
        (call, where)
        for scope in source.index.scopes
        for call in scope.calls
        if last(call.func).startswith("Dropout")
        and _DROPOUT.search(project.canonical(call.func, where := Where(source, scope)) or "")
    ]
    for call, where in layers if len(layers) == 1 else ():
        given = [k.value for k in call.keywords if k.arg in ("p", "rate")] or call.args[:1]
        for rate in given:
            yield from _setting("dropout", rate, where, "", rate)


def _fixed_names(where: Where) -> Iterator[Setting]:
    """The names that a running function gives plain data once; those of the module are constants."""
    scope = where.scope
    if not isinstance(scope.node, FunctionNode):
        return
    for name, bindings in scope.bindings.items():
        if len(bindings) != 1 or bindings[0].how != "assign" or bindings[0].path:
            continue
        binding = bindings[0]
        statement = binding.node
        if name.startswith("_") or not isinstance(statement, ast.Assign | ast.AnnAssign):
            continue
        if statement in scope.node.body and is_read_by_key(where.source, name, binding.value):
            for key, value in pairs_of(binding.value):
                yield from _setting(key, value, where, name, value)
        elif statement in scope.node.body and not _counts(name, binding.value):
            yield from _setting(name, binding.value, where, scope.name, statement)


_GROWS = re.compile(
    r"^(?:best|total|sum|count|counter|running|correct|seen|hits|bad|wait|since|start|prev|last|n_|num_)|"
    r"(?:^|_)(?:loss|losses|acc|accuracy|score|step|steps|epoch|count|total|sum|reward|return|idx|i|it|done|correct)$"
)
"""Names of what begins at nothing and grows."""


def _counts(name: str, value: ast.expr | None) -> bool:
    """Whether a name that is given once only begins at a value, as `best = 0.0` and `losses = []` do.

    `lambda_gp = 0` and `spectral = False` are settings all the same.
    """
    known, first = literal(value)
    if isinstance(first, bool | int | float) and not first:
        return _GROWS.search(name.lower()) is not None
    return not known or first in ("", None) or (isinstance(first, list | dict | set) and not first)


_MAKES_BAG = re.compile(
    r"(?:(?:make|get|build|create|load)_)?(?:config|cfg|hparams|params|settings)(?:_dict)?"
)
"""Functions that make a bag of settings from keyword arguments."""


def _of_call(running: Running, call: ast.Call, where: Where) -> Iterator[Setting]:
    project = running.project
    called = last(call.func)
    owner = _assigned_to(call, where) or called
    if called in ("set_defaults", "setdefaults"):
        yield from _keywords(call, where, "", frozenset())
        for key, value in (pair for given in call.args for pair in pairs_of(given)):
            yield from _setting(key, value, where, "", value)
        return
    if called in ("partial", "builds"):
        yield from _keywords(call, where, owner)
        return
    if called in BAGS or _MAKES_BAG.fullmatch(called):
        if SETTINGS_NAME.search(f"{owner} {where.scope.name} {called}"):
            yield from _keywords(call, where, "" if owner == called else owner, frozenset())
        return
    if called == "add_argument" or called in ("option", "Option", "field", "Field"):
        return
    name = project.canonical(call.func, where) or ""
    target = running.targets.get(call)
    ours = target is not None or project.definition(call.func, where) is not None
    if not (
        ours
        or _LIBRARIES.match(name)
        or _builds(name)
        or (isinstance(call.func, ast.Attribute) and called in _METHODS)
    ):
        yield from _positional(name or called, call, where, owner)
        return
    takes = TAKES if re.match(r"sklearn\.|xgboost\.|lightgbm\.", name) else {}
    for setting in _keywords(call, where, owner):
        yield setting._replace(compared=takes.get(setting.name, ()))
    yield from _positional(name, call, where, owner)
    if target is not None and len(running.calls[target.scope]) == 1:
        yield from _by_place(target, call, where, owner)


def _by_place(target: Where, call: ast.Call, where: Where, owner: str) -> Iterator[Setting]:
    """What the only call of a function of the project gives it by place, under the names of its parameters."""
    names = [n for n in target.scope.parameters if n not in ("self", "cls")]
    for name, given in zip(names, call.args, strict=False):
        if isinstance(given, ast.Starred):
            return
        if name not in _NO_SETTINGS and len(name) > 1:
            yield from _setting(name, given, where, owner, given)


_OTHERWISE = frozenset(
    "torch torchvision torchaudio tensorflow tf keras jax flax haiku numpy np pandas polars scipy matplotlib plt seaborn plotly PIL cv2 "
    "albumentations tqdm wandb mlflow rich click typer fire tyro absl hydra omegaconf dotenv requests datasets einops IPython "
    "gym gymnasium".split()
) | frozenset(sys.stdlib_module_names)
"""Libraries whose classes are no part of a recipe, or of which `_LIBRARIES` tells the part that is."""


def _builds(name: str) -> bool:
    """Whether a class of another library is made here, by itself or as `Model.from_dataset(…)`."""
    first, *parts = name.split(".")
    made = [p for p in parts[-2:] if p[:1].isupper()]
    return (
        bool(made)
        and first not in _OTHERWISE
        and (parts[-1] in made or parts[-1].startswith("from_"))
    )


def _keywords(
    call: ast.Call, where: Where, owner: str, refused: frozenset[str] = _NO_SETTINGS
) -> Iterator[Setting]:
    for keyword in call.keywords:
        if keyword.arg and keyword.arg not in refused and not keyword.arg.startswith("_"):
            yield from _setting(keyword.arg, keyword.value, where, owner, keyword.value)


def _positional(name: str, call: ast.Call, where: Where, owner: str) -> Iterator[Setting]:
    for form, at, called in _POSITIONS:
        if called == "units" and at < len(call.args) and literal(call.args[at])[1] == 1:
            continue  # the one output of a model is no setting
        if at < len(call.args) and re.search(form, name):
            yield from _setting(called, call.args[at], where, owner, call.args[at])


def _of_loops(where: Where) -> Iterator[Setting]:
    """How often the loops go round that count to a plain number: `for epoch in range(20)`."""
    for name, bindings in where.scope.bindings.items():
        loops = [b for b in bindings if b.how == "loop"]
        if len(loops) != 1 or name.lower() not in _LOOPS:
            continue
        end = counted_to(loops[0].value)
        if end is not None:
            yield from _setting(_LOOPS[name.lower()], end, where, where.scope.name.strip("<>"), end)


def counted_to(over: ast.expr | None) -> ast.expr | None:
    """Up to where a loop over `range(…)` or `trange(…)` counts, in `tqdm` or not; None: over no such thing."""
    if not isinstance(over, ast.Call) or not over.args:
        return None
    if last(over.func) == "tqdm":
        return counted_to(over.args[0])
    known = last(over.func) in ("range", "trange")
    return over.args[min(len(over.args), 2) - 1] if known else None


def _of_parameters(running: Running, target: Where) -> Iterator[Setting]:
    """The defaults of the parameters that no call of a running function or method gives."""
    node, scope = target.scope.node, target.scope
    if not isinstance(node, FunctionNode) or (
        scope.owner is not None and scope.name in _EACH_ROUND
    ):
        return
    plain = [*node.args.posonlyargs, *node.args.args]
    pairs = list(
        zip(plain[len(plain) - len(node.args.defaults) :], node.args.defaults, strict=True)
    )
    pairs += [(a, d) for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d]
    names = [a.arg for a in plain[scope.owner is not None :]]
    given: set[str] = set()
    for call in running.calls.get(scope, ()):
        given |= {k.arg for k in call.keywords if k.arg}
        given |= set(names[: len(call.args)])
    owner = scope.owner.name if scope.owner and scope.name == "__init__" else scope.name
    for argument, default in pairs:
        if argument.arg not in given and argument.arg not in _NO_SETTINGS:
            for setting in _setting(argument.arg, default, target, owner, default):
                told = remark(target.source, default) or documented(node).get(argument.arg, "")
                yield setting._replace(help=told or setting.help)


_EACH_ROUND = frozenset("forward __call__ __getitem__ predict score".split())
"""Methods whose arguments are data."""


def fields(project: Project, source: Source) -> Iterator[Setting]:
    """The fields that code sets one by one on an object of settings, named by their path.

    So are `cfg.train.lr = 1e-3`, the `self.lr = 1e-3` of a config class, and what functions such as
    `get_config` and `model_defaults` return.
    """
    for scope in source.index.scopes:
        where = Where(source, scope)
        owner = scope.owner.name if scope.owner else ""
        ours = bool(SETTINGS_NAME.search(owner)) and scope.name == "__init__"
        seen = list(_set_fields(scope, ours))
        times = Counter(name for name, _, _ in seen)
        for name, value, statement in seen:
            if times[name] == 1:
                yield from _setting(name, value, where, owner or scope.name.strip("<>"), statement)
        if SETTINGS_NAME.search(scope.name):
            for call in scope.calls:
                if last(call.func) in BAGS:
                    yield from _keywords(call, where, scope.name, frozenset())


def _set_fields(scope: Scope, ours: bool) -> Iterator[tuple[str, ast.expr, ast.stmt]]:
    """Path, value and statement of what a scope puts into bags of settings."""
    for statement in scope.node.body:
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            continue
        target = statement.targets[0]
        root, path = _path(target)
        if not path or (root == "self") != ours or path[0].startswith("_"):
            continue
        if ours or _is_bag(scope, root):
            yield ".".join(path), statement.value, statement
            for key, value in pairs_of(statement.value):
                yield ".".join([*path, key]), value, statement


def _is_bag(scope: Scope, name: str) -> bool:
    made = [b.value for b in scope.bindings.get(name, ()) if b.how == "assign"]
    return any(
        isinstance(v, ast.Call)
        and (last(v.func) in BAGS or SETTINGS_NAME.search(ast.unparse(v.func)))
        for v in made
    )


def _path(target: ast.expr) -> tuple[str, list[str]]:
    """The name that a chain of attributes begins with, and the rest."""
    parts: list[str] = []
    while isinstance(target, ast.Attribute):
        parts.append(target.attr)
        target = target.value
    return (target.id, parts[::-1]) if isinstance(target, ast.Name) else ("", [])


def configured(project: Project, source: Source) -> Iterator[Setting]:
    """The fields of the Python file that ml_collections reads for a script, as flags `--config.lr`."""
    for scope in source.index.scopes:
        for call in scope.calls:
            if last(call.func) != "DEFINE_config_file" or not call.args:
                continue
            flag = literal(call.args[0])[1]
            named = literal(call.args[1] if len(call.args) > 1 else None)[1]
            path = _config_of(project, source, named)
            held = project.source(path) if path is not None else None
            for setting in fields(project, held) if held is not None else ():
                spelled = f"--{flag}.{setting.name}"
                yield setting._replace(
                    kind="absl",
                    flag=spelled,
                    spellings=(spelled,),
                    owner="",
                    takes="value",
                    value=None,
                )


def _config_of(project: Project, source: Source, named: object) -> Path | None:
    """The file that is named, else the only one there is beside the script."""
    folder = source.path.parent
    if isinstance(named, str) and named:
        places = [base / named for base in (folder, project.root)]
    else:
        places = [p for p in sorted((folder / "configs").glob("*.py")) if p.stem != "__init__"]
        places = places if len(places) == 1 else [p for p in places if p.stem == "default"]
    return next((p.resolve() for p in places if p.is_file()), None)


def _setting(
    name: str, value: ast.expr | None, where: Where, owner: str, node: ast.expr | ast.stmt
) -> Iterator[Setting]:
    known, default = literal(value)
    if not known or value is None or isinstance(default, dict | set | bytes):
        return
    if default == 0 and name in ("lr", "learning_rate"):
        return  # a schedule fills it in
    kind: Kind = "constant"
    yield Setting(
        name=name,
        kind=kind,
        file=where.source.path,
        line=value.lineno,
        type=untyped(name, default),
        default=default,
        owner=owner,
        value=value,
        node=node,
        where=where,
        help=remark(where.source, value),
    )


def _assigned_to(call: ast.Call, where: Where) -> str:
    """The plain name that the result of a call gets; empty where it gets none."""
    above = where.source.index.parents.get(call)
    targets = above.targets if isinstance(above, ast.Assign) else []
    return targets[0].id if len(targets) == 1 and isinstance(targets[0], ast.Name) else ""


def apart_from(known: Sequence[Setting], more: Sequence[Setting]) -> list[Setting]:
    """Of `more`, what no setting of `known` is called already; a name that is set elsewhere is that one."""
    taken = {_plain(s.name) for s in known}
    return [s for s in more if _plain(s.name) not in taken]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.rpartition(".")[2].lower())


__all__ = ["apart_from", "configured", "counted_to", "fields", "settings"]
