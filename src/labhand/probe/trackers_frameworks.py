"""Trainers that keep the loop to themselves: transformers, Lightning, Keras."""

from __future__ import annotations

from time import monotonic

from .trackers import mirror
from .wrap import around

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from .session import Session

_BATCH_GAP = 0.1  # seconds between two points of the running means of a Keras epoch
_ALWAYS = """learning_rate per_device_train_batch_size gradient_accumulation_steps num_train_epochs
max_steps weight_decay warmup_steps lr_scheduler_type optim seed bf16 fp16 max_grad_norm""".split()


def arm_transformers(module: ModuleType, session: Session) -> None:
    """Mirrors `Trainer.log` at `global_step`; tells what its arguments set, and the usual ones."""
    to = mirror(session)

    def log(self: Any, logs: Any, *_: Any, **__: Any) -> None:
        values = dict(logs)
        epoch = getattr(self.state, "epoch", None)
        if epoch is not None:
            values.setdefault("epoch", epoch)
        to.row(values, int(self.state.global_step))

    def train(self: Any, *_: Any, **__: Any) -> None:
        session.config(_arguments(self.args))

    to.watch(module.Trainer, "log", log)
    around(session, module.Trainer, "train", before=train)


def _arguments(arguments: Any) -> dict[str, Any]:
    told = {}
    for name, field in type(arguments).__dataclass_fields__.items():
        value = getattr(arguments, name, None)
        simple = (
            value is None or isinstance(value, (bool, int, float, str)) or hasattr(value, "value")
        )
        if simple and field.init and (name in _ALWAYS or value != field.default):
            told[name] = value
    return told


def arm_lightning(module: ModuleType, session: Session) -> None:
    """Mirrors what Lightning sends to its loggers, also where it has none."""
    to = mirror(session)
    known: set[int] = set()

    def log_metrics(self: Any, metrics: Any, step: Any = None, *_: Any, **__: Any) -> None:
        trainer = self.trainer
        if id(trainer) not in known:
            known.add(id(trainer))
            hparams = getattr(trainer.lightning_module, "hparams_initial", None)
            if hparams:
                session.config(dict(hparams))
        if not metrics:
            return
        values = dict(metrics)
        if step is None:
            step = values.pop("step", None)
        if step is None:
            values.setdefault("epoch", trainer.current_epoch)
            step = trainer.fit_loop.epoch_loop._batches_that_stepped
        to.row(values, int(step))

    for name in ("_LoggerConnector", "LoggerConnector"):
        kind = getattr(module, name, None)
        if kind is not None:
            to.watch(kind, "log_metrics", log_metrics)


class Epochs:
    """The one axis of steps of a Keras model: the training batches it has seen."""

    def __init__(self) -> None:
        self.seen = 0
        self.last = 0.0


def arm_keras(module: ModuleType, session: Session) -> None:
    """Mirrors the logs of `fit`: each epoch's, and under `batch/` the running means within it."""
    to = mirror(session)
    kind = module.CallbackList
    runs: dict[int, Epochs] = {}

    def begin(self: Any, *_: Any, **__: Any) -> None:
        runs[id(self)] = Epochs()

    def batch_end(self: Any, batch: Any, logs: Any = None, *_: Any, **__: Any) -> None:
        epochs = runs.setdefault(id(self), Epochs())
        epochs.seen += 1
        now = monotonic()
        if logs and now - epochs.last >= _BATCH_GAP:
            epochs.last = now
            to.row({"batch/" + str(name): value for name, value in logs.items()}, epochs.seen)

    def epoch_end(self: Any, epoch: Any, logs: Any = None, *_: Any, **__: Any) -> None:
        epochs = runs.setdefault(id(self), Epochs())
        to.row({**(logs or {}), "epoch": int(epoch) + 1}, epochs.seen or int(epoch) + 1)

    def end(self: Any, *_: Any, **__: Any) -> None:
        runs.pop(id(self), None)

    to.watch(kind, "on_train_begin", begin)
    to.watch(kind, "on_train_batch_end", batch_end)
    to.watch(kind, "on_epoch_end", epoch_end)
    to.watch(kind, "on_train_end", end)
