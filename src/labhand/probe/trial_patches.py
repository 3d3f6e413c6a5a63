"""The places in PyTorch where a trial looks in: losses, calls of modules, backward, steps, loading."""

from __future__ import annotations

import functools
import sys

from .torch_measure import has_closure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .trial import Trial

LOSSES = (
    "cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits",
    "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div",
)  # fmt: skip


def put(trial: Trial) -> None:
    """Puts all of them in."""
    _losses(trial)
    _modules(trial)
    _backward(trial)
    _optimizers(trial)
    _loaders(trial)


def _losses(trial: Trial) -> None:
    from .trial import here

    functional = trial.torch.nn.functional
    for name in LOSSES:
        if hasattr(functional, name):
            original = getattr(functional, name)

            def loss(
                *args: Any, _name: str = name, _original: Any = original, **kwargs: Any
            ) -> Any:
                result = _original(*args, **kwargs)
                if not trial.busy and not trial.off:
                    trial.tell("loss", _name, _original, args, kwargs, result, here())
                return result

            setattr(functional, name, functools.wraps(original)(loss))


def _modules(trial: Trial) -> None:
    from .trial import here

    base = trial.torch.nn.Module
    original = base.__call__

    @functools.wraps(original)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        if trial.busy or trial.off:
            return original(self, *args, **kwargs)
        passes = trial.passes
        passes.depth += 1
        try:
            if passes.depth == 1:
                trial.tell("call_begins", self, args, kwargs, here())
            elif trial.looking:
                passes.inside(self)
            output = original(self, *args, **kwargs)
        finally:
            passes.depth -= 1
        if not passes.depth:
            trial.tell("call_ends", self, output)
        return output

    base.__call__ = __call__


def _backward(trial: Trial) -> None:
    autograd = trial.torch.autograd
    original = autograd.backward

    @functools.wraps(original)
    def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
        from .trial import here

        if trial.busy or trial.off:
            return original(tensors, *args, **kwargs)
        loss = tensors if isinstance(tensors, trial.torch.Tensor) else None
        if loss is None and isinstance(tensors, (list, tuple)) and len(tensors) == 1:
            loss = tensors[0]
        trial.tell("backward_begins", loss, here())
        result = original(tensors, *args, **kwargs)
        trial.tell("backward_ends")
        return result

    autograd.backward = backward


def _optimizers(trial: Trial) -> None:
    from .trial import here

    module = sys.modules[trial.torch.optim.Optimizer.__module__]
    module.register_optimizer_step_pre_hook(lambda o, a, k: trial.step_begins(o, has_closure(a, k)))
    module.register_optimizer_step_post_hook(lambda o, a, k: trial.step_ends(o, has_closure(a, k)))
    created = module.Optimizer.__init__

    @functools.wraps(created)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        created(self, *args, **kwargs)
        if not trial.busy and not trial.off:
            trial.tell("optimizer_made", self, here())

    module.Optimizer.__init__ = __init__


def _loaders(trial: Trial) -> None:
    from .trial import here

    module = sys.modules["torch.utils.data.dataloader"]
    loader, iterator = module.DataLoader, module._BaseDataLoaderIter
    created, iterated, following = loader.__init__, loader._get_iterator, iterator.__next__
    again = iterator._reset

    @functools.wraps(created)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        created(self, *args, **kwargs)
        self.__dict__["_labhand_at"] = here()

    @functools.wraps(iterated)
    def _get_iterator(self: Any) -> Any:
        made = iterated(self)
        made.__dict__["_labhand_loader"] = self
        trial.loading.given.pop(id(made), None)
        return made

    @functools.wraps(again)
    def _reset(self: Any, *args: Any, **kwargs: Any) -> Any:
        trial.loading.given.pop(id(self), None)
        return again(self, *args, **kwargs)

    @functools.wraps(following)
    def __next__(self: Any) -> Any:
        if trial.busy or trial.off:
            return following(self)
        if trial.loading.enough(self):
            raise StopIteration
        batch = following(self)
        trial.tell("loaded", self, batch)
        return batch

    loader.__init__ = __init__
    loader._get_iterator = _get_iterator
    iterator._reset = _reset
    iterator.__next__ = __next__
    _workers(trial, sys.modules["torch.utils.data._utils.fetch"])


def _workers(trial: Trial, fetch: Any) -> None:
    """Has the processes that load data tell where their random numbers come from."""
    from .trial_loading import fetching

    for name in ("_MapDatasetFetcher", "_IterableDatasetFetcher"):
        kind = getattr(fetch, name)
        original = kind.fetch

        @functools.wraps(original)
        def fetched(self: Any, *args: Any, _original: Any = original) -> Any:
            return fetching(trial, self, _original, args)

        kind.fetch = fetched
