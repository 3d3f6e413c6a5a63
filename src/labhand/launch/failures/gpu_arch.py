"""A GPU for which the installed build holds no code."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import said

_TEXT = re.compile(
    r"no kernel image is available for execution|cudaErrorNoKernelImageForDevice"
    r"|CUDA capability sm_\d+ is not compatible with the current PyTorch|CUDA_ERROR_NO_BINARY_FOR_GPU"
    r"|HIP error: invalid device function|hipErrorNoBinaryForGpu"
)


class Failure:
    """The installed build holds no code for this GPU.

    ## What it does
    Recognises how CUDA and PyTorch say that a kernel for the GPU's architecture is missing.

    ## Known problems
    The texts differ from version to version; one that is not known stays unknown.

    ## Example
    `RuntimeError: CUDA error: no kernel image is available for execution on the device`

    ## References
    PyTorch issue 53054, "no kernel image is available".
    """

    order = 35

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with what was said."""
        found = said(evidence, _TEXT)
        if found is None:
            return None
        return run.Failure(
            "gpu-arch",
            "the installed build of the library holds no code for this GPU",
            {
                **found.facts,
                "advice": "install a build for this GPU (another CUDA version of torch); its results may differ in the last digits",
            },
        )
