"""How the data come: in which order, and from workers that draw the same random numbers or not."""

from __future__ import annotations

import gc
import hashlib
import random
import sys

from .torch_calls import tensors_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional

    from .trial import Trial

LABELS_MAX = 100_000
DRAWN = 96
"""Items that are taken from the data set, evenly spread, to see which classes it has."""
EVALUATED = 4
"""Batches after which a DataLoader ends that is not trained on."""
LIGHTNING = ("lightning.pytorch.trainer.trainer", "pytorch_lightning.trainer.trainer")
FETCHES = (1, 3)
"""Batches of a worker before and after which its random states are told."""


class Loader:
    """A DataLoader that was seen, and the labels of the batches that were trained on."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader
        self.at = vars(loader).get("_labhand_at")
        self.trained = False
        self.batches: List[List[int]] = []
        self.rows: Optional[int] = None
        self.dataset_classes: Optional[int] = None


class Loading:
    """Events `measured` of `loader`, one for each that is trained on; workers tell theirs themselves."""

    name = "loading"

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.torch = trial.torch
        self.known: List[Loader] = []
        self.last: Optional[Any] = None
        self.given: Dict[int, int] = {}

    def enough(self, iterator: Any) -> bool:
        """Whether this epoch is to end here, so that what comes after it comes soon."""
        known = self._known(iterator)
        given = self.given.get(id(iterator), 0)
        return not self.trial.looking and given >= (2 if known and known.trained else EVALUATED)

    def _known(self, iterator: Any) -> Optional[Loader]:
        loader = vars(iterator).get("_labhand_loader")
        found = next((k for k in self.known if k.loader is loader), None)
        if found is None and loader is not None:
            found = Loader(loader)
            self.known.append(found)
        return found

    def loaded(self, iterator: Any, batch: Any) -> None:
        """A batch was taken from a DataLoader; it is the training's once a backward follows."""
        self.given[id(iterator)] = self.given.get(id(iterator), 0) + 1
        known = self._known(iterator)
        self.last = known
        if known is None or not self.trial.looking:
            return
        tensors = tensors_of(self.torch, batch, 8)
        if tensors and tensors[0].dim():
            known.rows = int(tensors[0].shape[0])
        labels = [t for t in tensors if t.dim() == 1 and not t.is_floating_point()]
        if labels and labels[-1].numel() <= LABELS_MAX:
            known.batches.append(labels[-1].tolist())

    def backward_begins(self, loss: Any, at: Any) -> None:
        """What was loaded last is trained on."""
        if self.last is not None:
            self.last.trained, self.last = True, None

    def report(self) -> None:
        """Says of every DataLoader that is trained on how it draws."""
        for number, known in enumerate(self.known):
            if not known.trained:
                continue
            loader = known.loader
            sampler = getattr(loader, "sampler", None)
            batches = getattr(loader, "batch_sampler", None)
            own = batches is not None and type(batches).__name__ != "BatchSampler"
            self.trial.measured(
                "loader", known.at, number=number, sampler=type(batches if own else sampler).__name__,
                workers=int(loader.num_workers), batch_size=loader.batch_size,
                iterable=type(loader.dataset).__name__ if sampler is None or _infinite(sampler) else "",
                distinct=[len(set(b)) for b in known.batches], rows=known.rows,
                classes=self._classes(known), repeats=_repeats(known.batches),
            )  # fmt: skip

    def _classes(self, known: Loader) -> Optional[int]:
        """How many classes the data set has, by items drawn evenly from all of it."""
        if known.dataset_classes is not None or not known.batches or not self.trial.ending:
            return known.dataset_classes
        if type(getattr(known.loader, "sampler", None)).__name__ != "SequentialSampler":
            return None
        dataset = known.loader.dataset
        labels = set()
        with generators(self.torch):
            for index in range(0, len(dataset), max(1, len(dataset) // DRAWN)):
                item = dataset[index]
                last = item[-1] if isinstance(item, (tuple, list)) else None
                if last is None or (hasattr(last, "numel") and last.numel() != 1):
                    return None
                labels.add(int(last))
        known.dataset_classes = len(labels)
        return known.dataset_classes


def hasten() -> None:
    """Has a trainer of Lightning evaluate after each batch: it counts batches, and does so only at the last."""
    if any(name in sys.modules for name in LIGHTNING):
        for thing in gc.get_objects():
            if type(thing).__module__ in LIGHTNING and getattr(thing, "val_check_batch", None):
                thing.val_check_batch = 1


class generators:
    """Puts the global random generators back as they were."""

    def __init__(self, torch: Any) -> None:
        from .torch_replay import _random_states, _restore_random

        self.torch, self.restore = torch, _restore_random
        self.states = _random_states(torch)

    def __enter__(self) -> None:
        """Nothing more is needed at the start."""

    def __exit__(self, *what: Any) -> None:
        self.restore(self.torch, self.states)


def _infinite(sampler: Any) -> bool:
    return type(sampler).__name__ == "_InfiniteConstantSampler"


def _repeats(batches: List[List[int]]) -> int:
    """Batches whose labels are those of the batch before, all of them in the same order."""
    return sum(a == b and len(set(a)) > 1 for a, b in zip(batches, batches[1:]))  # noqa: B905, RUF007


# -- in the processes that load


def fetching(trial: Trial, fetcher: Any, original: Callable[..., Any], args: Any) -> Any:
    """What a worker fetches; it tells the states of its random generators before and after some batches."""
    info = trial.torch.utils.data.get_worker_info()
    count = vars(fetcher).get("_labhand_fetched", 0)
    if info is None or count > max(FETCHES):
        return original(fetcher, *args)
    fetcher.__dict__["_labhand_fetched"] = count + 1
    if count == 0:
        _tell(trial, info, "start", fetcher.dataset)
    result = original(fetcher, *args)
    if count + 1 in FETCHES:
        _tell(trial, info, "after %d" % (count + 1), fetcher.dataset)
    return result


def _tell(trial: Trial, info: Any, when: str, dataset: Any) -> None:
    try:
        states = states_of(trial.torch, dataset)
        trial.session.event(
            "worker", id=info.id, workers=info.num_workers, when=when, states=states,
            dataset=type(dataset).__name__, at=_code_of(dataset),
        )  # fmt: skip
    except Exception:  # anybody's dataset
        pass


def _code_of(dataset: Any) -> Any:
    """The place of what makes an item."""
    from .people import of_person
    from .trial import placed

    for name in ("__getitem__", "__iter__"):
        code = getattr(getattr(type(dataset), name, None), "__code__", None)
        if code is not None and of_person(code.co_filename):
            return placed(code, code.co_firstlineno)
    return None


def states_of(torch: Any, dataset: Any) -> Dict[str, str]:
    """A short print of the state of each random generator that a worker may draw from."""
    found: Dict[str, Any] = {"random": random.getstate(), "torch": torch.get_rng_state().tolist()}
    numpy = sys.modules.get("numpy")
    if numpy is not None and "numpy.random" in sys.modules:
        found["numpy.random"] = numpy.random.get_state()
    inner: Any = dataset
    for _ in range(4):  # Subset and the like hold the data set that draws
        for name, value in list(vars(inner).items()) if hasattr(inner, "__dict__") else []:
            kind = type(value).__module__ + "." + type(value).__name__
            if kind.startswith("numpy.random") and kind.endswith("RandomState"):
                found["self." + name] = value.get_state()
            elif kind.startswith("numpy.random") and kind.endswith("Generator"):
                found["self." + name] = value.bit_generator.state
            elif kind == "random.Random":
                found["self." + name] = value.getstate()
            elif isinstance(value, torch.Generator):
                found["self." + name] = value.get_state().tolist()
        inner = getattr(inner, "dataset", None)
        if inner is None:
            break
    return {name: hashlib.sha256(repr(s).encode()).hexdigest()[:16] for name, s in found.items()}
