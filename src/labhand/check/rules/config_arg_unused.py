"""Settings that are parsed and then read by nobody."""

import ast
import re
from collections.abc import Iterator

from labhand.check.claim import Claim, Code
from labhand.core.finding import Severity
from labhand.kit.code import data, flags
from labhand.kit.code.data import Setting
from labhand.kit.code.model import Binding, FunctionNode
from labhand.kit.code.namespaces import Flow, reads
from labhand.kit.code.origins import argument
from labhand.kit.code.project import Known, Where
from labhand.kit.code.source import Source

_DECLARES = re.compile(r"add_argument\(|\.option\(|typer|fire\.Fire|DEFINE_|dataclass")
_MEANT = re.compile(r"deprecat|unused|not used|ignored|compat|no effect|SUPPRESS|legacy", re.I)
_FOR_OTHERS = frozenset({"local_rank", "local-rank", "node_rank", "help", "version"})
_HANDS_ON = re.compile(
    r"\b(asdict|astuple|vars|fields|replace)\(self\b|\bself\.__dict__|getattr\(self\b"
)
"""How a class reads all its fields at once."""
_CONFIG = re.compile(
    r"(Config|Conf|Cfg|Args|Arguments|Options|Settings|HParams|Hyperparameters|Params)$"
)
_GROUPS = ("add_argument_group", "add_mutually_exclusive_group", "add_subparsers", "add_parser")


class Rule:
    """Settings that are parsed and then read by nobody.

    ## What it does
    Reports a command-line flag (argparse, click, typer, fire, absl, HfArgumentParser, tyro) or a field of
    a config dataclass that no code of the project reads, while it can be seen where the parsed object goes.

    ## Why is this bad
    Whoever sets it believes that something changed. An ablation over a dead flag compares a run with
    itself, and its "no effect" ends up in the paper.

    ## Known problems
    Silent where the whole namespace goes out of sight: `**vars(args)`, `args.__dict__`, `getattr` with a
    computed name, a function outside the project, `parse_known_args`, Hydra. An attribute or a string
    of the same name anywhere in the files that belong together counts as a read.

    ## Example
    ```python
    parser.add_argument("--warmup-steps", type=int, default=500)
    args = parser.parse_args()
    train(lr=args.lr)
    ```

    ## Use instead
    ```python
    args = parser.parse_args()
    train(lr=args.lr, warmup_steps=args.warmup_steps)
    ```

    ## Fix safety
    There is no automatic fix: only the author knows whether to use the setting or to drop it.

    ## References
    - https://docs.python.org/3/library/argparse.html
    - Real cases: `mnist_forward_forward/main.py` of https://github.com/pytorch/examples parses
      `--seed` and seeds nothing; `wgan_gp.py` of https://github.com/eriklindernoren/PyTorch-GAN
      takes a `--clip_value` that it never clips with.
    """

    severity: Severity = "warning"
    level = "suspicious"

    def check(self, code: Code) -> Iterator[Claim]:
        """The settings that one file declares and its project never reads."""
        if not _DECLARES.search(code.source.text) or code.is_test:
            return
        declared = [s for s in flags.declared(code.project, code.source) if not _exempt(s)]
        yield from self._parsed(code, [s for s in declared if s.kind == "argparse"])
        yield from self._absl(code, [s for s in declared if s.kind == "absl"])
        for setting in declared:
            if setting.kind in ("click", "typer", "fire") and not _read_in_command(setting):
                yield _claim(setting)
        yield from self._classes(code)

    def _parsed(self, code: Code, settings: list[Setting]) -> Iterator[Claim]:
        settings = [s for s in settings if _on_a_parser(code, s)]
        if not settings:
            return
        # Flags of a file that is run as such go no further than what it imports.
        own = all(_in_main_block(s) for s in settings)
        files = (code.project.below if own else code.project.component)(code.source)
        if not all(f.error is None for f in files):
            return
        names = reads(code.project, files, code.source)
        suspects = [s for s in settings if s.name not in names]
        if not suspects:
            return
        flow = Flow(code.project, files).from_parsers()
        if flow.parsed and flow.escape is None:
            yield from map(_claim, suspects)

    def _absl(self, code: Code, settings: list[Setting]) -> Iterator[Claim]:
        if not settings:
            return
        loaded = [code.project.source(path) for path in code.project.files]
        files = [s for s in loaded if s is not None]
        if any(re.search(r"flag_values_dict|\(\s*FLAGS\s*[,)]|FLAGS\.__", f.text) for f in files):
            return
        names = reads(code.project, files, code.source)
        for setting in settings:
            if setting.name not in names and not _holder_read(setting, code.source):
                yield _claim(setting)

    def _classes(self, code: Code) -> Iterator[Claim]:
        for known in code.source.index.classes:
            ours = Known(code.source, known)
            if not _CONFIG.search(known.name) or not data.is_dataclass(code.project, ours):
                continue
            line, outside = code.project.lineage(ours)
            if len(line) > 1 or outside - {"object"} or _HANDS_ON.search(ast.unparse(known.node)):
                continue
            yield from self._fields(code, ours)

    def _fields(self, code: Code, known: Known) -> Iterator[Claim]:
        files = code.project.component(code.source)
        if not all(f.error is None for f in files):
            return
        names = reads(code.project, files, code.source)
        fields = [f for f in data.dataclass_fields(code.project, known) if not _exempt(f)]
        if any(re.search(r"\b(hydra|omegaconf)\b", f.text) for f in files):
            fields = [f for f in fields if f.name != "defaults"]  # what Hydra composes it from
        suspects = [f for f in fields if f.name not in names]
        if not suspects:
            return
        parser = _parser_of(code, known, files)
        flow = Flow(code.project, files)
        flow = flow.from_parsers() if parser else flow.from_class(known)
        if flow.parsed and flow.escape is None:
            yield from map(_claim, suspects)


def _claim(setting: Setting) -> Claim:
    assert setting.node is not None
    shown = setting.flag or (f"{setting.owner}.{setting.name}" if setting.owner else setting.name)
    node = setting.node
    return Claim(
        node=node,
        message=f"`{shown}` is set from outside and read by nothing: whatever it is set to, "
        "the run stays the same",
        advice=f"use `{setting.name}` where it was meant to act, or remove it",
        function=setting.owner or (setting.where.scope.qualified if setting.where else ""),
        confidence=0.85 if setting.kind == "dataclass" else 0.9,
        evidence={"setting": setting.name, "kind": setting.kind},
    )


def _exempt(setting: Setting) -> bool:
    if setting.name.startswith("_") or setting.name in _FOR_OTHERS or len(setting.name) == 1:
        return True
    node, where = setting.node, setting.where
    if node is None or where is None:
        return True
    statement = where.source.index.parents.get(node)
    if not isinstance(statement, ast.Call):
        return False
    given = {k.arg: k.value for k in statement.keywords}
    told = ast.unparse(given["help"]) if "help" in given else ""
    action = given.get("action")
    own_action = action is not None and not isinstance(action, ast.Constant)
    if action is not None and own_action and "BooleanOptional" not in ast.unparse(action):
        return True  # an action of one's own may use the value itself
    return bool(_MEANT.search(told)) or bool({"callback", "expose_value", "is_eager"} & set(given))


def _in_main_block(setting: Setting) -> bool:
    """Whether a flag is declared under `if __name__ == "__main__"`."""
    assert setting.node is not None and setting.where is not None
    above = setting.where.source.index.ancestors(setting.node)
    return any(isinstance(a, ast.If) and "__name__" in ast.unparse(a.test) for a in above)


def _on_a_parser(code: Code, setting: Setting) -> bool:
    """Whether a flag is added to a parser that the project makes and hands to nobody else."""
    assert setting.node is not None and setting.where is not None
    call = setting.where.source.index.parents[setting.node]
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return False
    if setting.where.scope.returns and not code.project.callers(setting.where):
        return False  # the parser is given back, and nobody asks for it
    return _is_parser(code, call.func.value, setting.where, 5)


def _is_parser(code: Code, expression: ast.expr, where: Where, depth: int) -> bool:
    if depth == 0:
        return False
    if isinstance(expression, ast.Call):
        function = expression.func
        if isinstance(function, ast.Attribute) and function.attr in _GROUPS:
            return _is_parser(code, function.value, where, depth - 1)
        name = code.project.canonical(function, where) or ""
        return name in ("argparse.ArgumentParser", "configargparse.ArgumentParser")
    if not isinstance(expression, ast.Name):
        return False
    home, bindings = code.project.binding(expression.id, where)
    if not bindings or _handed_out(code, expression.id, home):
        return False
    return all(_binds_parser(code, expression.id, bound, home, depth - 1) for bound in bindings)


def _binds_parser(code: Code, name: str, bound: Binding, home: Where, depth: int) -> bool:
    if bound.how == "parameter":
        given = [(argument(s, home, name), s.where) for s in code.project.callers(home) or []]
        known = [(a, where) for a, where in given if a is not None]
        whole = bool(given) and len(known) == len(given)
        return whole and all(_is_parser(code, a, where, depth) for a, where in known)
    if bound.how != "assign" or bound.value is None:
        return False
    return _is_parser(code, bound.value, home, depth)


def _handed_out(code: Code, name: str, home: Where) -> bool:
    """Whether a parser of this name is passed to something outside the project."""
    for call in home.scope.calls:
        given = [*call.args, *(k.value for k in call.keywords)]
        parts = [p for a in given for p in (a.elts if isinstance(a, ast.List | ast.Tuple) else [a])]
        if not any(isinstance(p, ast.Name) and p.id == name for p in parts):
            continue
        if isinstance(call.func, ast.Attribute) and call.func.attr == "add_parser":
            continue
        canonical = code.project.canonical(call.func, home)
        if canonical in ("argparse.ArgumentParser", "print", "type"):
            continue
        if code.project.definition(call.func, home) is None:
            return True
    return False


def _read_in_command(setting: Setting) -> bool:
    """Whether the function behind a click, typer or fire command reads its parameter."""
    where = setting.where
    node = where.scope.node if where else None
    if not isinstance(node, FunctionNode) or where is None:
        return True
    if setting.name not in where.scope.parameters or _is_stub(node):
        return True
    wanted = (setting.name, "locals", "vars", "eval")
    for inner in ast.walk(node):
        match inner:
            case ast.Name(id=name, ctx=ast.Load()) if name in wanted:
                return True
            case ast.Attribute(attr="params"):
                return True
    return False


def _is_stub(node: FunctionNode) -> bool:
    quiet = (ast.Pass, ast.Raise)
    return all(
        isinstance(s, quiet) or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
        for s in node.body
    )


def _holder_read(setting: Setting, source: Source) -> bool:
    """Whether `HOLDER = flags.DEFINE_…` keeps the flag under a name; then that name is what is read."""
    assert setting.node is not None
    call = source.index.parents[setting.node]
    return isinstance(source.index.parents.get(call), ast.Assign | ast.AnnAssign)


def _parser_of(code: Code, known: Known, files: list[Source]) -> bool:
    """Whether a dataclass is what HfArgumentParser or tyro parses into."""
    declared = (s for f in files for s in flags.declared(code.project, f))
    return any(s.owner == known.klass.name and s.kind in ("hf", "tyro") for s in declared)
