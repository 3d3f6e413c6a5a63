"""Memory, the GPU's or the machine's, that did not suffice."""

import re
import resource

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import called

_TEXT = re.compile(
    r"CUDA out of memory|HIP out of memory|XPU out of memory|MPS backend out of memory"
    r"|CUDA error: out of memory|cudaErrorMemoryAllocation|CUBLAS_STATUS_ALLOC_FAILED"
    r"|CUDNN_STATUS_ALLOC_FAILED|DefaultCPUAllocator: (?:can't|not enough)|RESOURCE_EXHAUSTED"
    r"|OOM when allocating tensor|Unable to allocate [\d.]+ \wi?B|std::bad_alloc"
    r"|\[Errno 12\]|[Cc]annot allocate memory|CUDA driver error: out of memory|out of memory trying to"
)
_TYPES = ("MemoryError", "OutOfMemoryError", "ResourceExhaustedError", "_ArrayMemoryError")
_GPU = re.compile(r"CUDA|HIP|XPU|MPS|GPU|CUBLAS|CUDNN|cuda|BFC")
_WANTED = re.compile(
    r"[Tt]ried to allocate (?P<amount>[\d.]+ ?\w?i?B|\d+ bytes)|allocate (?P<array>[\d.]+ \wi?B)"
)


class Failure:
    """Memory ran out: the GPU's, or the machine's.

    ## What it does
    Recognises how PyTorch (CUDA, ROCm, MPS, CPU), TensorFlow, JAX, NumPy and Python itself say that
    an allocation failed.

    ## Known problems
    A smaller batch changes the training: it is advised, never done unasked.

    ## Example
    `torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.`

    ## References
    PyTorch, "CUDA semantics", on memory management.
    """

    order = 45

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with whose memory it was and how much was wanted."""
        raised = evidence.raised
        for error in raised.chain() if raised else ():
            if raised and (error.type in _TYPES or _TEXT.search(error.message)):
                learns = called(error, "torch", "tensorflow", "keras", "jax", "flax")
                said = error.message or error.type
                return _failure(said, error.facts(), learns, raised.memory_limit)
        if raised is not None:
            return None
        for line in reversed(evidence.lines[-40:]):
            if _TEXT.search(line):
                return _failure(line, {"said": line.strip(), "text": line.strip()}, True, None)
        return None


def _failure(text: str, facts: dict[str, object], learns: bool, limit: int | None) -> run.Failure:
    device = "GPU" if _GPU.search(text) else "machine"
    found = _WANTED.search(text)
    amount = next((part for part in found.groups() if part), "") if found else ""
    limit = (limit or _limit()) if device == "machine" else None
    message = f"the memory of the {device} did not suffice"
    if limit is not None:
        message = f"the memory that a process may have here, {limit >> 20:,} MiB by `ulimit -v`, did not suffice"
    message += f": {amount} more were wanted" if amount else ""
    advice = (
        "smaller micro-batches with gradient accumulation keep the effective batch size"
        if learns
        else "hold less at once: read in pieces, or use a type of fewer bytes"
    )
    advice += (
        "; look also for another process that holds memory"
        if limit is None
        else "; or raise that limit"
    )
    return run.Failure("out-of-memory", message, {**facts, "device": device, "advice": advice})


def _limit() -> int | None:
    """The bytes that a process may have; None: no limit is set. The training has ours, if it set none itself."""
    least, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if least == resource.RLIM_INFINITY else least
