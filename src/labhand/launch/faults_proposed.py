"""Faults of fixers that only propose, with what must be proposed, and those that lie around the program."""

from labhand.launch.fault import Fault
from labhand.launch.standins import NUMPY, called, raising

_FULL = """\
import os, tempfile
temporary = tempfile.gettempdir()
if ".labhand" not in temporary:
    raise OSError(28, "No space left on device", os.path.join(temporary, "shard-0.bin"))
"""
_IN_PIECES = """\
import os
def call():
    if "expandable_segments" not in os.environ.get("PYTORCH_CUDA_ALLOC_CONF", ""):
        raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.15 GiB of which 1.06 GiB is free. Of the allocated memory 60.12 GiB is allocated by PyTorch, and 17.20 GiB is reserved by PyTorch but unallocated. If reserved but unallocated memory is large try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.")
class OutOfMemoryError(RuntimeError): pass
"""
_NO_SCREEN = (
    'raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")\n'
)

PROPOSED = [
    Fault(
        "disk-full",
        "the folder for temporary files",
        {"start": _FULL},
        library={"room.py": ""},
        env={"TMPDIR": "LIBRARY"},
        least="TMPDIR=.labhand/tmp",
    ),
    Fault(
        "missing-system-library",
        "libGL of OpenCV",
        {"imports": "import cv2\n"},
        library={"cv2/__init__.py": _NO_SCREEN},
        wheel="opencv-python-headless cv2",
        least="opencv-python-headless",
    ),
    Fault(
        "out-of-memory",
        "memory in pieces",
        called("torch"),
        library={"torch/__init__.py": _IN_PIECES},
        least="PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True",
    ),
    Fault(
        "out-of-memory",
        "a batch with accumulation",
        {"flags": 'parser.add_argument("--accumulate", type=int, default=1)\n'} | called("torch"),
        library={
            "torch/__init__.py": raising(
                "CUDA out of memory. Tried to allocate 2.00 GiB.", error="OutOfMemoryError"
            )
        },
        flags=True,
        proposes="--batch-size 4 --accumulate 2",
    ),
    Fault(
        "dtype-unsupported",
        "half by a switch",
        {"flags": 'parser.add_argument("--precision", default="float16")\n'} | called("torch"),
        library={"torch/__init__.py": raising("\"addmm_impl_cpu_\" not implemented for 'Half'")},
        flags=True,
        proposes="--precision float32",
    ),
    Fault(
        "worker-died",
        "workers by a switch",
        {"flags": 'parser.add_argument("--num-workers", type=int, default=2)\n'} | called("torch"),
        library={
            "torch/__init__.py": raising(
                "DataLoader worker (pid(s) 4242) exited unexpectedly", error="RuntimeError"
            )
        },
        flags=True,
        proposes="--num-workers 0",
    ),
    Fault(
        "numpy-abi",
        "a module built for NumPy 1",
        {"imports": "import slow\n"},
        library={
            "numpy/__init__.py": NUMPY,
            "numpy-2.0.2.dist-info/METADATA": "Metadata-Version: 2.1\nName: numpy\nVersion: 2.0.2\n",
            "slow/__init__.py": 'raise ImportError("A module that was compiled using NumPy 1.x cannot be run in NumPy 2.0.2 as it may crash.")\n',
        },
        wheel="numpy numpy",
        proposes="numpy",
    ),
    Fault(
        "hang",
        "a deadlock that timeout ends",
        {
            "imports": "import faulthandler, threading\n",
            "start": "faulthandler.dump_traceback_later(1, exit=True)\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()\n",
        },
    ),
    Fault(
        "seed-absent",
        "a seed that is None",
        {"start": "chosen_seed = None\nrandom.seed(chosen_seed + 1)\n"},
    ),
    Fault(
        "seed-absent",
        "a table without one",
        {"start": 'table = {"lr": 0.1}\nrandom.seed(table["seed"])\n'},
    ),
]
