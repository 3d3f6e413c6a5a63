"""Looks closely at the first steps of a training and ends the process when it has seen enough.

`LABHAND_TRIAL` asks for it and names the seconds there are. The training runs in a copy of its folder
whose end nobody waits for, so that these looks may do what the others may not: they run the model again
on their own account, keep the way to every operation (anomaly mode), and end the epochs of a training's
DataLoader early, so that what comes after an epoch comes soon. What they see are events `measured`, each
with the place in the person's code; what they could not look at are events `unseen`.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from time import perf_counter, process_time

from . import trial_patches
from .people import of_person
from .trial_batch import Batch
from .trial_loading import Loading, hasten
from .trial_losses import Losses
from .trial_passes import Passes
from .trial_weights import Weights

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Dict, Iterator, List, Optional

LOOK = 8
"""Steps that are looked at one by one; a training's DataLoader ends its epochs after as many batches."""
AFTER = 3
"""Steps that are waited for once an evaluation was seen: a mode that is not put back shows there."""
MOST = 4000
"""Steps after which no evaluation is waited for any more."""
WAIT = 0.7
"""So much of the time goes by, at most, until the trial ends without having seen an evaluation."""
WORK_S = 15.0
"""And so many seconds of the processor: on a machine that is shared the time says less."""
FRAMES_MAX = 300


def arm(torch: Any, session: Any) -> None:
    """Starts looking in this process; call it when torch is imported whole."""
    trial = Trial(torch, session, float(os.environ["LABHAND_TRIAL"]))
    session.event("trial", state="armed", torch=str(torch.__version__))
    trial_patches.put(trial)
    torch.autograd.set_detect_anomaly(True, check_nan=False)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=trial.forked)
    atexit.register(trial.at_exit)


class Trial:
    """What is known of the training so far, and the looks, which are told what happens."""

    def __init__(self, torch: Any, session: Any, seconds: float) -> None:
        self.torch = torch
        self.session = session
        self.until = perf_counter() + seconds * WAIT
        self.worked = process_time()
        self.busy = False
        self.graphs = True
        self.off = not session.leads
        self.steps = 0
        self.ending = False
        self.counts: Dict[int, int] = {}
        self.optimizers: List[Any] = []
        self.outer: Optional[Any] = None
        self.broken: Dict[str, str] = {}
        self.losses = Losses(self)
        self.weights = Weights(self)
        self.passes = Passes(self)
        self.loading = Loading(self)
        self.batch = Batch(self)
        self.looks: List[Any] = [
            self.losses, self.weights, self.passes, self.loading, self.batch
        ]  # fmt: skip

    @property
    def looking(self) -> bool:
        """Whether the step under way is one of those that are looked at one by one."""
        return self.steps < LOOK

    def tell(self, point: str, *arguments: Any) -> None:
        """Tells all looks that have a method of this name; one that raises is told of, and left out."""
        if self.busy or self.off:
            return
        with self.aside():
            for look in self.looks:
                method = getattr(look, point, None)
                if method is None or look.name in self.broken:
                    continue
                try:
                    method(*arguments)
                except Exception as error:
                    self.broken[look.name] = "%s: %s" % (type(error).__name__, error)
                    self.unseen(look.name, "labhand's look at it failed, " + self.broken[look.name])

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Within it nothing that happens is the training's, and gradients are not followed."""
        before, self.busy = self.busy, True
        self.graphs = self.torch.is_grad_enabled()
        try:
            with self.torch.no_grad():
                yield
        finally:
            self.busy = before

    # -- the steps

    def step_begins(self, optimizer: Any, closure: bool) -> None:
        """An optimizer is about to step; one that wraps another begins first, and counts alone."""
        if self.busy or self.off or self.outer is not None:
            return
        self.outer = optimizer
        if not any(known is optimizer for known in self.optimizers):
            self.optimizers.append(optimizer)
        self.tell("step_begins", optimizer, here(), closure)

    def step_ends(self, optimizer: Any, closure: bool) -> None:
        """An optimizer has stepped: the steps of the training are those of the one that steps most."""
        if self.busy or self.off or self.outer is not optimizer:
            return
        self.outer = None
        self.tell("step_ends", optimizer, closure)
        count = self.counts[id(optimizer)] = self.counts.get(id(optimizer), 0) + 1
        if count <= self.steps:
            return
        self.steps = count
        self.tell("stepped")
        if count in (2, LOOK):
            self.report()
        if count == LOOK:
            self.torch.autograd.set_detect_anomaly(False)
            with contextlib.suppress(Exception):  # another version of Lightning, perhaps
                hasten()
        if count >= LOOK or self.late():
            self.end_if_enough()

    def end_if_enough(self) -> None:
        """Ends the process once nothing more is to be seen, or no time is left."""
        seen = self.passes.evaluated_at
        after = seen is not None and self.steps - seen >= AFTER
        if after or self.steps >= MOST or self.late():
            self.finish("enough")

    def late(self) -> bool:
        """Whether no time is left for what has not been seen yet."""
        return perf_counter() > self.until or process_time() - self.worked > WORK_S

    # -- what is said

    def measured(self, what: str, at: Optional[Dict[str, Any]], **numbers: Any) -> None:
        """Says what was seen at a place; what is said later of the same replaces it."""
        self.session.event("measured", what=what, at=at, **numbers)

    def unseen(self, look: str, why: str) -> None:
        """Says that something could not be looked at, and why."""
        self.session.event("unseen", look=look, why=why)

    def report(self) -> None:
        """Has every look say what it has seen so far."""
        self.tell("report")
        self.session.event("trial", state="looked", steps=self.steps)

    def finish(self, why: str) -> None:
        """Says all there is to say and ends the process, whatever it was about to do."""
        self.ending = True
        self.report()
        self.session.event("trial", state=why, steps=self.steps)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(0)

    def at_exit(self) -> None:
        """The script ends by itself."""
        if self.off or os.getpid() != self.session.pid:
            return
        self.busy, self.ending = False, True
        self.report()
        self.session.event("trial", state="ended", steps=self.steps)

    def forked(self) -> None:
        """In a forked child: it loads data or is no part of the training."""
        self.off = True
        self.torch.autograd.set_detect_anomaly(False)


def here(stop: Optional[FrameType] = None) -> Optional[Dict[str, Any]]:
    """The place in the person's code from which this was reached, up to a frame of ours.

    `outer` are the names of the person's functions around it, the innermost first.
    """
    frame: Optional[FrameType] = sys._getframe(1)
    place: Optional[Dict[str, Any]] = None
    for _ in range(FRAMES_MAX):
        if frame is None or frame is stop:
            break
        code = frame.f_code
        if of_person(code.co_filename):
            if place is None:
                place = placed(code, frame.f_lineno)
            else:
                place["outer"].append(code.co_name)
        frame = frame.f_back
    return place


def placed(code: Any, line: int) -> Dict[str, Any]:
    """A line in a function, as a place that is told."""
    return {
        "path": os.path.abspath(code.co_filename),
        "line": line,
        "function": code.co_name,
        "first": code.co_firstlineno,
        "last": max([n for _, _, n in lines(code) if n] or [line]),
        "outer": [],
    }


def lines(code: Any) -> List[Any]:
    """The lines of a function's code, as (start, end, line)."""
    if hasattr(code, "co_lines"):
        return list(code.co_lines())
    import dis

    return [(start, start, line) for start, line in dis.findlinestarts(code)]
