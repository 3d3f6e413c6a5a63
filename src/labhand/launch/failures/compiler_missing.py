"""A compiler that code is to be built with, and that is not there."""

import re

from labhand.core import run
from labhand.launch.job import Evidence
from labhand.launch.said import said

_TEXT = re.compile(
    r"InvalidCxxCompiler|No working C\+\+ compiler|TritonMissing|Cannot find a working triton"
    r"|Failed to find C compiler|CUDA_HOME environment variable is not set|Ninja is required to load"
    r"|(?:nvcc|gcc|g\+\+|clang|cc1plus)['\"]?(?: was)?:? (?:command )?not found"
    r"|No such file or directory: '(?:\S*/)?(?:gcc|g\+\+|cc|c\+\+|clang\+*|nvcc|ninja)'"
    r"|command '\S*(?:gcc|g\+\+|cc|nvcc|clang)' failed|unable to execute '\S*(?:gcc|g\+\+|cc)'"
    r"|No such file or directory: PosixPath\('\S*(?:gcc|nvcc)'\)|Compiler: \S+ is not found"
)


class Failure:
    """A compiler is needed while the code runs, and is not there.

    ## What it does
    Recognises the words of torch.compile, Triton, setuptools and nvcc about a missing C, C++ or
    CUDA compiler.

    ## Known problems
    The texts differ from version to version; one that is not known stays unknown.

    ## Example
    `InvalidCxxCompiler: No working C++ compiler found in torch._inductor.config.cpp.cxx`

    ## References
    PyTorch, "torch.compile Troubleshooting".
    """

    order = 22

    def recognise(self, evidence: Evidence) -> run.Failure | None:
        """The failure, with what was said."""
        found = said(evidence, _TEXT)
        if found is None:
            return None
        return run.Failure(
            "compiler-missing",
            "a compiler is needed while the code runs, and is not there",
            {
                **found.facts,
                "advice": "install the compiler (`g++`, `nvcc`, `triton`); TORCHDYNAMO_DISABLE=1 runs without torch.compile",
            },
        )
