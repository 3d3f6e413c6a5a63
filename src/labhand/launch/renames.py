"""What well-known libraries have renamed: the old name, and what means the same under a new one.

Only names of which the new one does exactly what the old one did stand here; each was removed by the
version that the comment names.
"""

from typing import NamedTuple

NUMPY_PLAIN = {
    # 1.24: aliases of Python's own types
    "float": "float",
    "int": "int",
    "bool": "bool",
    "object": "object",
    "str": "str",
    "complex": "complex",
    "long": "int",
    "unicode": "str",
}
"""Names of NumPy that were Python's own."""
NUMPY = {
    # 1.24
    "bool8": "bool_",
    "int0": "intp",
    "uint0": "uintp",
    "str0": "str_",
    "bytes0": "bytes_",
    "void0": "void",
    "object0": "object_",
    "typeDict": "sctypeDict",
    # 2.0
    "float_": "float64",
    "complex_": "complex128",
    "cfloat": "complex128",
    "singlecomplex": "complex64",
    "longfloat": "longdouble",
    "longcomplex": "clongdouble",
    "clongfloat": "clongdouble",
    "string_": "bytes_",
    "unicode_": "str_",
    "Inf": "inf",
    "Infinity": "inf",
    "infty": "inf",
    "PINF": "inf",
    "NaN": "nan",
    "NAN": "nan",
    "product": "prod",
    "cumproduct": "cumprod",
    "alltrue": "all",
    "sometrue": "any",
    "round_": "round",
    "mat": "asmatrix",
    "ComplexWarning": "exceptions.ComplexWarning",
    "VisibleDeprecationWarning": "exceptions.VisibleDeprecationWarning",
    "RankWarning": "exceptions.RankWarning",
    "AxisError": "exceptions.AxisError",
    "TooHardError": "exceptions.TooHardError",
    "ModuleDeprecationWarning": "exceptions.ModuleDeprecationWarning",
    # 2.4
    "row_stack": "vstack",
    "trapz": "trapezoid",
}
"""Names of NumPy and the names of NumPy that mean the same."""
NUMPY_DEFINED = {
    "NINF": "-inf",
    "PZERO": "0.0",
    "NZERO": "-0.0",
    "in1d": "lambda ar1, ar2, *more, **named: isin(asarray(ar1).ravel(), ar2, *more, **named)",
    "asfarray": "lambda a, dtype=float64: asarray(a, dtype if issubdtype(dtype, inexact) else float64)",
    "msort": "lambda a: sort(a, axis=0)",
}
"""Names of NumPy that no single name stands for, as NumPy's own namespace would define them."""


NEEDED = {
    # PyYAML 6.0; what it was by itself since 5.1
    "load": ("yaml", "Loader", "FullLoader"),
    "load_all": ("yaml", "Loader", "FullLoader"),
}
"""Functions of a library, the argument that they must be given now, and what of the library it was."""


class Argument(NamedTuple):
    """An argument of functions or classes of a library. `new` is empty where it had come to mean nothing."""

    functions: frozenset[str]
    old: str
    new: str


def _arguments(functions: str, old: str, new: str) -> Argument:
    return Argument(frozenset(functions.split()), old, new)


_TRAINING = "TrainingArguments Seq2SeqTrainingArguments SFTConfig DPOConfig RewardConfig ORPOConfig KTOConfig"
_TRAINERS = "Trainer Seq2SeqTrainer SFTTrainer DPOTrainer RewardTrainer ORPOTrainer KTOTrainer"
_OPTIMIZERS = "Adam AdamW SGD RMSprop Adagrad Adadelta Adamax Nadam Ftrl"
ARGUMENTS = (
    _arguments(_TRAINING, "evaluation_strategy", "eval_strategy"),  # transformers 4.46
    _arguments(_TRAINING, "no_cuda", "use_cpu"),
    _arguments(_TRAINING, "per_gpu_train_batch_size", "per_device_train_batch_size"),
    _arguments(_TRAINING, "per_gpu_eval_batch_size", "per_device_eval_batch_size"),
    _arguments(_TRAINING, "push_to_hub_token", "hub_token"),
    _arguments(_TRAINERS, "tokenizer", "processing_class"),  # transformers 5
    _arguments("OneHotEncoder", "sparse", "sparse_output"),  # scikit-learn 1.4
    _arguments("AgglomerativeClustering FeatureAgglomeration", "affinity", "metric"),  # 1.4
    _arguments(
        "BaggingClassifier BaggingRegressor AdaBoostClassifier AdaBoostRegressor CalibratedClassifierCV "
        "ClassifierChain RegressorChain RANSACRegressor HalvingGridSearchCV SelfTrainingClassifier",
        "base_estimator",
        "estimator",
    ),  # 1.4
    _arguments("TSNE", "n_iter", "max_iter"),  # 1.7
    _arguments("to_csv", "line_terminator", "lineterminator"),  # pandas 2.0
    _arguments("date_range bdate_range period_range", "closed", "inclusive"),  # 2.0
    _arguments(
        "percentile quantile nanpercentile nanquantile", "interpolation", "method"
    ),  # NumPy 2.4
    _arguments("cg gmres bicg bicgstab cgs qmr minres lgmres gcrotmk", "tol", "rtol"),  # SciPy 1.14
    _arguments("make_grid save_image", "range", "value_range"),  # torchvision 0.13
    _arguments("hist", "normed", "density"),  # matplotlib 3.1
    _arguments("grid", "b", "visible"),  # 3.6
    _arguments("boxplot", "labels", "tick_label"),  # 3.11
    _arguments(_OPTIMIZERS, "lr", "learning_rate"),  # Keras 3
    _arguments("fit fit_generator", "nb_epoch", "epochs"),
    _arguments("Dense", "output_dim", "units"),
    _arguments("Model", "input", "inputs"),
    _arguments("Model", "output", "outputs"),
    _arguments("Trainer", "max_nb_epochs", "max_epochs"),  # Lightning
    _arguments("Trainer", "checkpoint_callback", "enable_checkpointing"),
    _arguments("ModelCheckpoint", "period", "every_n_epochs"),
    _arguments("SummaryWriter", "logdir", "log_dir"),
    _arguments(
        "ReduceLROnPlateau StepLR MultiStepLR ExponentialLR CosineAnnealingLR LambdaLR OneCycleLR CyclicLR "
        "LinearLR CosineAnnealingWarmRestarts PolynomialLR",
        "verbose",
        "",
    ),  # PyTorch 2.7: it only printed
)


class Name(NamedTuple):
    """A name of a module, or of objects of a class (`module` is then empty), that was removed."""

    module: str
    old: str
    new: str

    @property
    def whole(self) -> str:
        """The new name with its module, as `new` is told from `module`, or is a package of its own."""
        top = self.module.partition(".")[0]
        if not self.module or self.new == self.old or self.new.startswith(f"{top}."):
            return self.new
        return f"{self.module}.{self.new}"


def _abc(name: str) -> Name:
    return Name("collections", name, f"abc.{name}")


NAMES = (
    # Python 3.10
    *map(
        _abc,
        "Mapping MutableMapping Sequence MutableSequence Iterable Iterator Callable Hashable Sized Set "
        "MutableSet Container Generator Awaitable Coroutine".split(),
    ),
    Name("time", "clock", "perf_counter"),  # Python 3.8
    Name("string", "letters", "ascii_letters"),
    Name("PIL.Image", "ANTIALIAS", "LANCZOS"),  # Pillow 10
    Name("PIL.Image", "LINEAR", "BILINEAR"),
    Name("PIL.Image", "CUBIC", "BICUBIC"),
    Name("scipy.integrate", "simps", "simpson"),  # SciPy 1.14
    Name("scipy.integrate", "trapz", "trapezoid"),
    Name("scipy.integrate", "cumtrapz", "cumulative_trapezoid"),
    *(
        Name("scipy.signal", name, f"windows.{name}")  # SciPy 1.13
        for name in "gaussian hann hamming blackman kaiser tukey bartlett boxcar triang".split()
    ),
    Name("scipy.misc", "logsumexp", "scipy.special.logsumexp"),
    Name("sklearn.metrics", "plot_confusion_matrix", "ConfusionMatrixDisplay.from_estimator"),
    Name("sklearn.externals", "joblib", "joblib"),
    Name("", "get_feature_names", "get_feature_names_out"),  # scikit-learn 1.2
    Name("", "iteritems", "items"),  # pandas 2.0, Python 3
)

GIVEN_UP = {
    # pandas 2.0 and before
    ("DataFrame", "append"): "`pd.concat([a, b])`",
    ("Series", "append"): "`pd.concat([a, b])`",
    ("DataFrame", "ix"): "`.loc[…]` for labels, `.iloc[…]` for places",
    ("Series", "ix"): "`.loc[…]` for labels, `.iloc[…]` for places",
    ("DataFrame", "as_matrix"): "`.to_numpy()`",
    ("Series", "as_matrix"): "`.to_numpy()`",
    ("DataFrame", "get_value"): "`.at[row, column]`",
    ("DataFrame", "set_value"): "`.at[row, column] = value`",
    ("DataFrame", "lookup"): "`.to_numpy()` and indices",
    ("DataFrame", "mad"): "`(d - d.mean()).abs().mean()`",
    ("DataFrame", "applymap"): "`.map(…)`",
}
"""Methods that were removed, and what is written in their place: not by itself the same, so for a person."""
STYLES = ("seaborn", "seaborn-v0_8")
"""How the names of matplotlib's styles after seaborn begin, before and since 3.6."""
