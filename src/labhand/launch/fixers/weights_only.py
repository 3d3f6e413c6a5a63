"""Allows the harmless classes that a checkpoint holds."""

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Mending, Situation

_HARMLESS = frozenset(
    "argparse.Namespace types.SimpleNamespace collections.OrderedDict collections.defaultdict collections.deque "
    "collections.Counter pathlib.Path pathlib.PosixPath pathlib.PurePosixPath datetime.datetime datetime.date datetime.timedelta "
    "datetime.timezone decimal.Decimal fractions.Fraction uuid.UUID builtins.set builtins.frozenset builtins.complex "
    "builtins.slice builtins.range builtins.dict builtins.list builtins.int builtins.float builtins.bytearray "
    "numpy.core.multiarray.scalar numpy._core.multiarray.scalar numpy.core.multiarray._reconstruct "
    "numpy._core.multiarray._reconstruct numpy.dtype numpy.ndarray numpy._core.numeric._frombuffer "
    "omegaconf.dictconfig.DictConfig omegaconf.listconfig.ListConfig omegaconf.base.ContainerMetadata "
    "omegaconf.base.Metadata omegaconf.nodes.AnyNode omegaconf.nodes.IntegerNode omegaconf.nodes.FloatNode "
    "omegaconf.nodes.StringNode omegaconf.nodes.BooleanNode typing.Any "
    "transformers.training_args.TrainingArguments easydict.EasyDict".split()
)
_NUMPY = tuple(
    f"numpy.dtypes.{kind}DType"
    for kind in "Float64 Float32 Float16 Int64 Int32 Int16 Int8 UInt8 Bool Str".split()
)
"""What a number or an array of NumPy brings with it, beside `dtype` and `ndarray`."""


class Fixer:
    """Allows the harmless classes that a checkpoint holds.

    ## What it does
    Puts the classes that the load named on PyTorch's list of safe ones, in the run's own copy and
    before the line that loads, where they are on a list of known harmless ones.

    ## Known problems
    A class of the project, or one that can run code, is left to the person: loading it is trust in
    the file.

    ## Example
    `torch.serialization.add_safe_globals([argparse.Namespace])`

    ## Fix safety
    Neutral: the safe load stays; only classes that run no code of the file are allowed.

    ## References
    PyTorch, `torch.serialization.add_safe_globals`.
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The line before the load; None for a class that is not known to be harmless."""
        names = [str(name) for name in failure.evidence.get("classes", ())]
        if not names or not all(_harmless(name) for name in names):
            return None
        file, line = str(failure.evidence.get("file", "")), int(failure.evidence.get("line") or 0)
        text = change.text_of(situation.job, file)
        if text is None or change.tree_of(text) is None or not line:
            return None
        changed = change.before_line(text, line, _line(names))
        summary = f"allowed {', '.join(names)} in the safe load"
        return change.code(failure, situation, summary, {file: changed})


def _harmless(name: str) -> bool:
    return name in _HARMLESS or (name.startswith("numpy.dtypes.") and name.endswith("DType"))


def _line(names: list[str]) -> str:
    """One line that imports nothing by name: a function may use `torch` as a global before it."""
    if any(name.startswith("numpy") for name in names):
        core = next(
            (n.rpartition(".multiarray")[0] for n in names if ".multiarray" in n), "numpy._core"
        )
        made = [f"{core}.multiarray.{name}" for name in ("scalar", "_reconstruct")]
        names = list(dict.fromkeys([*names, *made, "numpy.dtype", "numpy.ndarray", *_NUMPY]))
    pairs = [name.rpartition(".")[::2] for name in names]
    return (
        '__import__("torch").serialization.add_safe_globals([(getattr(__import__(module, fromlist=[name]), '
        f'name), module + "." + name) for module, name in {pairs!r}])'
    )
