"""What is known of other people's APIs, as data: the analysis looks names up here."""

import re
from functools import cache

OPTIMIZER_PACKAGES = (
    "torch.optim.",
    "torch_optimizer.",
    "transformers.optimization.",
    "apex.optimizers.",
    "bitsandbytes.optim.",
    "timm.optim.",
    "pytorch_optimizer.",
    "prodigyopt.",
    "lion_pytorch.",
    "schedulefree.",
    "adabelief_pytorch.",
)
"""Packages whose classes are optimizers that leave the gradients as they are at `step`."""

OPTIMIZERS = frozenset({"transformers.AdamW", "transformers.Adafactor", "lion_pytorch.Lion"})

NOT_OPTIMIZERS = re.compile(r"^torch\.optim\.(lr_scheduler|swa_utils|_functional|_multi_tensor)\b")

RENAMED = {
    "torch.nn.modules.": "torch.nn.",
    "pytorch_lightning": "lightning.pytorch",
    "tensorflow.keras": "keras",
    "keras.models.Sequential": "keras.Sequential",
    "keras.models.Model": "keras.Model",
    "keras.engine.sequential.Sequential": "keras.Sequential",
    "lightning_fabric": "lightning.fabric",
    "lightning.LightningModule": "lightning.pytorch.LightningModule",
    "lightning.LightningDataModule": "lightning.pytorch.LightningDataModule",
    "lightning.Trainer": "lightning.pytorch.Trainer",
    "lightning.Fabric": "lightning.fabric.Fabric",
    "lightning.pytorch.core.lightning.LightningModule": "lightning.pytorch.LightningModule",
    "lightning.pytorch.core.LightningModule": "lightning.pytorch.LightningModule",
}
"""Prefixes of the same thing under another name."""

STARS: dict[str, frozenset[str]] = {
    "torch.optim": frozenset(
        "Adadelta Adafactor Adagrad Adam AdamW Adamax ASGD LBFGS NAdam Optimizer RAdam RMSprop Rprop "
        "SGD SparseAdam lr_scheduler".split()
    ),
    "torch.nn": frozenset(
        "Module Sequential ModuleList ModuleDict Parameter ParameterList Linear Conv1d Conv2d Conv3d "
        "BatchNorm1d BatchNorm2d LayerNorm GroupNorm Dropout ReLU GELU Sigmoid Softmax Tanh LSTM GRU "
        "RNN Embedding MultiheadAttention Transformer CrossEntropyLoss MSELoss L1Loss BCELoss NLLLoss "
        "BCEWithLogitsLoss functional init utils".split()
    ),
    "torch": frozenset("nn optim tensor no_grad cuda device load save manual_seed utils".split()),
    "argparse": frozenset(
        "ArgumentParser ArgumentDefaultsHelpFormatter BooleanOptionalAction Namespace".split()
    ),
    "torch.utils.data": frozenset("DataLoader Dataset IterableDataset random_split".split()),
}
"""What `from X import *` brings, for modules that scripts import that way."""

LOADERS = frozenset({"torch.utils.data.DataLoader", "torch.utils.data.dataloader.DataLoader"})

WRAPPERS_OF_ITERABLES = frozenset(
    "enumerate tqdm tqdm.tqdm tqdm.auto.tqdm tqdm.notebook.tqdm zip iter reversed list rich.progress.track "
    "track trange prefetch metric_logger.log_every".split()
)
"""Calls that go over what they are given."""

MODULE_BASES = frozenset(
    "torch.nn.Module object abc.ABC torch.optim.Optimizer torch.utils.data.Dataset typing.Generic "
    "typing.Protocol enum.Enum".split()
)
"""Bases whose own methods are known, so that `self.name()` is not theirs unless it is listed."""

PLAIN_BASES = frozenset({"object", "abc.ABC", "typing.Generic", "typing.Protocol"})
"""Bases that say nothing of what a class is."""

MAKING_METHODS = frozenset(
    "from_pretrained from_config load_from_checkpoint from_dict from_file".split()
)
"""Methods of a class that make an instance of it."""

MAKING_PACKAGES = ("optax.", "timm.", "torchvision.models.", "gymnasium.", "gym.", "datasets.")
"""Packages whose functions make objects: `optax.adam(…).update` is named as if `adam` were a class."""

RETURNING_SELF = frozenset(
    "to cuda cpu eval train half float double bfloat16 requires_grad_ share_memory apply fit compile "
    "set_params set_format to_device".split()
)
"""Methods that give back what they are called on (modules, estimators)."""

WRAPPERS_OF_MODULES = frozenset(
    "torch.nn.DataParallel torch.nn.parallel.DataParallel torch.nn.parallel.DistributedDataParallel "
    "torch.distributed.fsdp.FullyShardedDataParallel torch.compile torch.jit.script copy.deepcopy "
    "torch.nn.utils.weight_norm torch.nn.utils.spectral_norm torch.nn.utils.parametrizations.weight_norm "
    "torch.nn.utils.parametrizations.spectral_norm".split()
)
"""Calls that give back the module they are given, wrapped or as it is."""

ZEROING = re.compile(
    r"(zero|clear|reset|null|none|flush|wipe)\w*_?grad|grads?_?(zero|clear|reset)", re.I
)
"""Names that promise to clear gradients."""

OPTIMIZER_NAME = re.compile(r"^_?(\w+_)?(opt|optim|optimizer|optimiser)s?(_?\w{1,12})?$", re.I)

LOSS_NAME = re.compile(r"loss|err|cost|objective|energy|out|^[a-zA-Z]$", re.I)
"""Names of what `backward` is called on with a gradient to start from."""

HARMLESS = frozenset(
    "print len id type isinstance hasattr str repr zip enumerate list tuple iter next sum max min "
    "sorted set dict torch.save".split()
)
HARMLESS_PACKAGES = (
    "torch.optim.lr_scheduler.",
    "torch.nn.utils.",
    "torch.amp.",
    "torch.cuda.amp.",
    "apex.amp.",
    "logging.",
)
HARMLESS_METHODS = frozenset(
    "step unscale_ update state_dict load_state_dict append scale_loss scale backward info debug "
    "item set_postfix set_description add_scalar write log format join get_last_lr".split()
)
"""Functions, packages and methods that clear no gradient of what they are handed."""

BATCHES = re.compile(r"(loader|dataloader|batch|batches|(^|[_.])dl|_iter|dataset)s?$", re.I)
MODELS = re.compile(r"(^|[_.])(model|net|network|classifier|encoder)$", re.I)
"""Names of modules that are called."""
EPOCHS = re.compile(r"epoch", re.I)
EVALUATES = re.compile(
    r"(^|_)(eval\w*|val|valid\w*|test\w*|predict\w*|infer\w*|score|compute_accuracy|accuracy)(_|$)",
    re.I,
)
"""Names of functions that evaluate."""
ODD_EVALUATION = re.compile(
    r"attack|advers|fgsm|pgd|salien|grad|explain|attribut|langevin|influence|hessian|adapt|invert|tta",
    re.I,
)
"""Names of functions that evaluate with gradients, or with random changes, on purpose."""
TRAINS = frozenset({"backward", "manual_backward", "train_on_batch", "training_step", "minimize"})
"""Methods whose calls make a loop one that trains."""
ACCUMULATION = re.compile(r"accum|micro", re.I)

TELLING = frozenset(
    "print str repr len type isinstance id bool pprint.pprint pprint.pformat wandb.init wandb.config.update "
    "mlflow.log_params trackio.init rich.print logging.info logging.debug logging.warning".split()
)
TELLING_METHODS = frozenset(
    "info debug warning add_text add_hparams log_hyperparams log_params log_config print".split()
)
"""Calls that only show what they are given."""

KEEPING = frozenset("json.dump json.dumps yaml.dump yaml.safe_dump torch.save pickle.dump".split())
KEEPING_METHODS = frozenset({"write", "write_text"})
"""Calls that keep what they are given where something else could load it."""

TRAINING_ARGUMENTS: dict[str, object] = {
    "learning_rate": 5e-5,
    "weight_decay": 0.0,
    "adam_beta1": 0.9,
    "adam_beta2": 0.999,
    "adam_epsilon": 1e-8,
    "max_grad_norm": 1.0,
    "num_train_epochs": 3.0,
    "max_steps": -1,
    "per_device_train_batch_size": 8,
    "per_device_eval_batch_size": 8,
    "gradient_accumulation_steps": 1,
    "lr_scheduler_type": "linear",
    "warmup_ratio": 0.0,
    "warmup_steps": 0,
    "logging_steps": 500,
    "eval_steps": 500,
    "save_steps": 500,
    "save_total_limit": 0,
    "seed": 42,
    "data_seed": 42,
    "bf16": False,
    "fp16": False,
    "tf32": False,
    "gradient_checkpointing": False,
    "dataloader_num_workers": 0,
    "label_smoothing_factor": 0.0,
    "optim": "adamw_torch",
    "output_dir": "trainer_output",
    "group_by_length": False,
    "torch_compile": False,
}
"""Settings of transformers' TrainingArguments that researchers change, with their defaults."""


@cache
def canonical_name(name: str) -> str:
    """The name that the tables use for a thing that goes by several."""
    for prefix, known in RENAMED.items():
        if name == prefix or name.startswith(prefix if prefix.endswith(".") else prefix + "."):
            name = known + name[len(prefix) :]
    parts = name.split(".")
    # torch.optim.adam.Adam is torch.optim.Adam
    if len(parts) == 4 and name.startswith("torch.optim.") and parts[2] == parts[3].lower():
        return f"torch.optim.{parts[3]}"
    return name


def is_optimizer(name: str) -> bool:
    """Whether a canonical name constructs an optimizer that leaves gradients alone at `step`."""
    if name in OPTIMIZERS:
        return True
    last = name.rpartition(".")[2]
    known = name.startswith(OPTIMIZER_PACKAGES) and not NOT_OPTIMIZERS.match(name)
    return known and (last[:1].isupper() or last.startswith("create_optimizer"))
