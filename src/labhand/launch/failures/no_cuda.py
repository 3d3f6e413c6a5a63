"""A GPU that was asked for where there is none."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import said

_TEXT = re.compile(
    r"not compiled with (?:CUDA|XPU|MPS)|Found no NVIDIA driver|No CUDA (?:GPUs|devices?) (?:are |is |were )?(?:available|found)"
    r"|CUDA driver version is insufficient|invalid device ordinal|no CUDA-capable device|CUDA_ERROR_NO_DEVICE"
    r"|(?P<load>Attempting to deserialize object on (?:a )?CUDA device)|No CUDA runtime is found"
    r"|cudaErrorNoDevice|cudaErrorInsufficientDriver|No supported (?:gpu|GPU) (?:backend|device)s? (?:were |was )?found"
    r"|CUDAAccelerator(?: can not|` can not| cannot)|CUDA (?:is |was )?(?:not available|unavailable|not found)"
    r"|(?i:requires? (?:a |an )?(?:CUDA|GPU|NVIDIA)\b(?! memory)[^\n]{0,40})|Invalid CUDA 'device=|torch\.cuda\.is_available\(\)(?: is|:) False"
    r"|unknown device(?: type)?:? '?cuda|Unable to initialize backend 'cuda'|No (?:GPU|gpu|cuda|CUDA)s?(?: device)? (?:was |were )?(?:found|available|detected)"
    r"|(?:GPU|cuda) (?:is |was )?not (?:available|found|detected)|NVML Shared Library Not Found|Unknown backend: 'gpu' requested"
    r"|module 'torch\._C' has no attribute '_cuda_\w+'"
)


class Failure:
    """A GPU was asked for, and there is none that can be used.

    ## What it does
    Recognises builds without CUDA, missing drivers and devices, GPUs beyond those that are there,
    and tensors saved on a GPU.

    ## Known problems
    Whether a training on the CPU makes sense only the person knows; without a switch of the script
    nothing is changed.

    ## Example
    `AssertionError: Torch not compiled with CUDA enabled`

    ## References
    PyTorch, "CUDA semantics".
    """

    order = 31

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with whether it came from tensors that were saved on a GPU."""
        found = said(evidence, _TEXT)
        if found is None:
            return None
        load = bool(found.match["load"])
        message = "a GPU was asked for, and there is none that can be used here"
        advice = "run it where a GPU is, or choose the CPU by the script's own switch"
        if load:
            message = "tensors were saved on a GPU, and there is none here to load them to"
            advice = "load them by `torch.load(..., map_location='cpu')`"
        return run.Failure("no-cuda", message, {**found.facts, "load": load, "advice": advice})
