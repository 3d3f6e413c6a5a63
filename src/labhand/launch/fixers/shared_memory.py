"""Lets workers hand their batches over without shared memory."""

import tempfile

from labhand.core import run
from labhand.launch import change
from labhand.launch.job import Mending, Situation
from labhand.launch.switches import script

_PIPES = """\
import multiprocessing.reduction, torch, torch.multiprocessing
for _kind in (torch.Tensor, torch.nn.Parameter, torch.UntypedStorage, torch.storage.TypedStorage):
    multiprocessing.reduction.ForkingPickler._extra_reducers.pop(_kind, None)
torch.UntypedStorage._new_shared = classmethod(lambda cls, size, *, device="cpu": cls(size, device=device))
torch.UntypedStorage._share_filename_cpu_ = torch.UntypedStorage._share_fd_cpu_ = lambda self, *a, **k: self
"""


class Fixer:
    """Lets workers hand their batches over without shared memory.

    ## What it does
    Hands tensors through pipes in place of /dev/shm, by lines before the main script's first, in
    the run's own copy: the same workers with the same seeds in the same order. joblib gets a folder
    on the disk.

    ## Known problems
    Objects that a script itself puts into shared memory need more of it: `--shm-size`.

    ## Example
    `JOBLIB_TEMP_FOLDER=/tmp`

    ## Fix safety
    Neutral: the same numbers in the same order; handing them over is slower.

    ## References
    PyTorch, "Multiprocessing best practices".
    """

    def propose(self, failure: run.Failure, situation: Situation) -> Mending | None:
        """The variable of joblib, or the lines for PyTorch; None where it is neither."""
        if failure.evidence.get("joblib"):
            folder = tempfile.gettempdir()
            if situation.job.env.get("JOBLIB_TEMP_FOLDER") == folder:
                return None
            values = {"JOBLIB_TEMP_FOLDER": folder}
            return change.variables(
                failure, situation, f"lets joblib share arrays in {folder}", values
            )
        main = script(situation)
        text = change.text_of(situation.job, str(main)) if main else None
        about = f"{failure.evidence.get('text')} {failure.evidence.get('code')} {text}"
        if main is None or text is None or "torch" not in about or _PIPES in text:
            return None
        changed = change.begun(text, _PIPES)
        return change.code(
            failure, situation, "hands batches over through pipes", {str(main): changed}
        )
