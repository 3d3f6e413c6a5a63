"""Faults of every kind to put into working programs, each with the least that mends it.

Where the real cause is at hand (a missing folder, a held port, a torn file) it is that; libraries that
need hardware, accounts or gigabytes are stood in for by a few lines that fail in their very words.
"""

import random

from labhand.launch.fault import Fault
from labhand.launch.faults_code import CODE, PEOPLE
from labhand.launch.faults_proposed import PROPOSED
from labhand.launch.standins import (
    HUB,
    JOBLIB,
    PLOT,
    WANDB,
    called,
    raising,
)

_STATE = """\
import os, pickle
def save():
    os.makedirs("ckpt", exist_ok=True)
    with open(f"ckpt/step-{step}.pkl", "wb") as file:
        pickle.dump((step, w, b, losses, random.getstate()), file)
if args.resume:
    with open(args.resume, "rb") as file:
        begin, w, b, losses, state = pickle.load(file)
    random.setstate(state)
"""
_RESUME_FLAG = 'parser.add_argument("--resume", default=None)\n'


def faults() -> list[Fault]:
    """All faults, in the order of their kinds' names, several of a kind one after the other."""
    return sorted(
        [*_SURROUNDINGS, *CODE, *PEOPLE, *PROPOSED], key=lambda fault: (fault.kind, fault.name)
    )


_SURROUNDINGS = [
    Fault(
        "missing-package",
        "einops",
        {"imports": "import einops\n"},
        wheel="einops",
        least="pip install einops",
    ),
    Fault(
        "missing-folder",
        "a log",
        {"start": 'log = open("runs/exp1/log.txt", "w")\n'},
        least="mkdir -p runs/exp1",
    ),
    Fault(
        "missing-folder",
        "a folder at the end",
        {
            "imports": "import pathlib\n",
            "end": 'pathlib.Path("out/model.txt").write_text(str(w))\n',
        },
        least="mkdir -p out",
    ),
    Fault(
        "module-not-on-path",
        "a folder of the project",
        {"imports": "import shapes\n"},
        {"lib/shapes.py": "SIDE = 2\n"},
        least="PYTHONPATH=lib",
    ),
    Fault(
        "shadowed-module",
        "queue.py",
        {"start": "import queue\nqueue.Queue()\n"},
        {"queue.py": "jobs = []\n"},
        least="mv queue.py jobs.py",
    ),
    Fault(
        "wrong-path",
        "another folder",
        {"start": 'extra = open("data/rows.csv").read()\n'},
        {"data/rows.csv": "1,2\n"},
        below="scripts",
        least="cd ..",
    ),
    Fault(
        "wrong-path",
        "a slip",
        {"start": 'extra = open("data/row.csv").read()\n'},
        {"data/rows.csv": "1,2\n"},
    ),
    Fault(
        "port-in-use",
        "a number in the code",
        {"start": 'import socket\nserver = socket.socket()\nserver.bind(("127.0.0.1", PORT))\n'},
        hold=1,
        least="another port",
    ),
    Fault(
        "port-in-use",
        "a flag",
        {
            "flags": 'parser.add_argument("--port", type=int, default=PORT)\n',
            "start": 'import socket\nserver = socket.create_server(("127.0.0.1", args.port))\n',
        },
        hold=1,
        flags=True,
        least="--port FREE",
    ),
    Fault(
        "port-in-use",
        "MASTER_PORT",
        {
            "start": 'import os, socket\nserver = socket.create_server(("127.0.0.1", int(os.environ["MASTER_PORT"])))\n'
        },
        env={"MASTER_PORT": "PORT"},
        hold=1,
        least="MASTER_PORT=FREE",
    ),
    Fault(
        "open-files",
        "many files",
        {"start": 'files = [open("/dev/null") for _ in range(400)]\n'},
        open_files=256,
        least="ulimit -n 1000",
    ),
    Fault(
        "distributed-env",
        "RANK",
        {"start": 'import os\nrank = int(os.environ["RANK"]) + int(os.environ["WORLD_SIZE"])\n'},
        least="RANK=0 WORLD_SIZE=1",
    ),
    Fault(
        "missing-variable",
        "named in .env",
        {"start": 'import os\nroot = os.environ["DATA_ROOT"]\n'},
        {".env": "DATA_ROOT=/data\n"},
        least="DATA_ROOT=/data",
    ),
    Fault(
        "missing-variable",
        "named nowhere",
        {"start": 'import os\nroot = os.environ["DATA_ROOT"]\n'},
    ),
    Fault(
        "tracker-login",
        "wandb",
        {"imports": "import wandb\n", "start": 'wandb.init(project="demo")\n'},
        library={"wandb/__init__.py": WANDB},
        least="WANDB_MODE=offline",
    ),
    Fault(
        "hub-unreachable",
        "files that are here",
        {
            "imports": "from transformers import AutoModel\n",
            "start": 'AutoModel.from_pretrained("org/tiny")\n',
        },
        library={
            "transformers/__init__.py": HUB,
            "hf/hub/models--org--tiny/snapshots/1/config.json": "{}",
        },
        env={"HF_HOME": "LIBRARY/hf"},
        least="HF_HUB_OFFLINE=1",
    ),
    Fault(
        "no-display",
        "matplotlib",
        {"imports": "import matplotlib.pyplot as plt\n", "start": "plt.figure()\n"},
        library={"matplotlib/__init__.py": "", "matplotlib/pyplot.py": PLOT},
        least="MPLBACKEND=Agg",
    ),
    Fault(
        "shared-memory",
        "joblib",
        {"imports": "from joblib import Parallel\n", "start": "Parallel(2)([])\n"},
        library={"joblib/__init__.py": JOBLIB},
        least="JOBLIB_TEMP_FOLDER=/tmp",
    ),
    Fault(
        "compiler-missing",
        "torch.compile",
        called("torch"),
        library={
            "torch/__init__.py": raising(
                "torch._inductor.exc.InvalidCxxCompiler: No working C++ compiler found in torch._inductor.config.cpp.cxx: (None, 'g++')",
                "TORCHDYNAMO_DISABLE",
            )
        },
        least="TORCHDYNAMO_DISABLE=1",
    ),
    Fault(
        "certificate",
        "a bundle",
        called("requests"),
        library={
            "requests/__init__.py": raising(
                "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate",
                "REQUESTS_CA_BUNDLE",
                "OSError",
            )
        },
        env={"REQUESTS_CA_BUNDLE": "", "SSL_CERT_FILE": ""},
        least="REQUESTS_CA_BUNDLE=…",
    ),
    Fault(
        "collective-transport",
        "NCCL",
        called("torch"),
        library={
            "torch/__init__.py": raising(
                "NCCL error in: ProcessGroupNCCL.cpp:1691, unhandled system error, NCCL version 2.19.3",
                "NCCL_P2P_DISABLE",
            )
        },
        least="NCCL_P2P_DISABLE=1",
    ),
    Fault(
        "fork-unsafe",
        "tokenizers",
        {
            "start": 'import os, sys\nif os.environ.get("TOKENIZERS_PARALLELISM") != "false":\n    sys.stderr.write("huggingface/tokenizers: The current process just got forked, after parallelism has already been used. Disabling parallelism to avoid deadlocks...\\n")\n    os._exit(1)\n'
        },
        least="TOKENIZERS_PARALLELISM=false",
    ),
    Fault(
        "permission",
        "a cache",
        {
            "start": 'import os\nif "MPLCONFIGDIR" not in os.environ:\n    raise PermissionError(13, "Permission denied", "/nonexistent/.cache/matplotlib/fontlist.json")\n'
        },
        least="MPLCONFIGDIR=…",
    ),
    Fault(
        "permission",
        "an output",
        {"start": 'raise PermissionError(13, "Permission denied", "/shared/results.csv")\n'},
    ),
    Fault(
        "hang",
        "a stale lock",
        {
            "start": 'import os\nif os.path.exists("data.lock"):\n    raise TimeoutError("The file lock \'data.lock\' could not be acquired.")\n'
        },
        {"data.lock": "4194301\n"},
        least="rm data.lock",
    ),
    Fault(
        "disk-full",
        "a checkpoint",
        {"end": 'raise OSError(28, "No space left on device", "ckpt/last.pt")\n'},
    ),
    Fault(
        "gpu-arch",
        "torch",
        called("torch"),
        library={
            "torch/__init__.py": raising(
                "CUDA error: no kernel image is available for execution on the device"
            )
        },
    ),
    Fault(
        "numpy-abi",
        "a module",
        {"imports": "import slow\n"},
        library={
            "slow/__init__.py": 'raise ValueError("numpy.dtype size changed, may indicate binary incompatibility. Expected 96 from C header, got 88 from PyObject")\n'
        },
        env={"PIP_NO_INDEX": "1"},
    ),
    Fault(
        "missing-system-library",
        "libsndfile",
        called("soundfile"),
        library={"soundfile/__init__.py": raising("sndfile library not found", error="OSError")},
    ),
    Fault(
        "worker-died",
        "a pool",
        {
            "imports": "import os\nfrom concurrent.futures import ProcessPoolExecutor\ndef work(x): os._exit(3)\n",
            "start": "with ProcessPoolExecutor(1) as pool:\n    list(pool.map(work, [1]))\n",
        },
    ),
    Fault(
        "killed",
        "a preemption",
        {
            "flags": _RESUME_FLAG,
            "start": _STATE,
            "step": "if step % 10 == 0:\n    save()\nif step == 25 and not args.resume:\n    os.kill(os.getpid(), 15)\n",
        },
        flags=True,
        least="--resume ckpt/step-20.pkl",
    ),
    Fault(
        "killed",
        "a preemption, with a torn checkpoint",
        {
            "flags": _RESUME_FLAG,
            "start": _STATE,
            "step": 'if step % 10 == 0:\n    save()\nif step == 25 and not args.resume:\n    os.truncate("ckpt/step-20.pkl", 40)\n    os.kill(os.getpid(), 9)\n',
        },
        flags=True,
        least="--resume ckpt/step-10.pkl",
    ),
    Fault(
        "killed",
        "a crash in native code",
        {"step": "if step == 5:\n    import ctypes\n    ctypes.string_at(0)\n"},
    ),
    Fault(
        "corrupt-checkpoint",
        "named by the command",
        {"flags": _RESUME_FLAG, "start": _STATE},
        {"ckpt/make.py": ""},
        arguments=("--resume", "ckpt/step-20.pkl"),
        flags=True,
        least="--resume ckpt/step-10.pkl",
    ),
    Fault(
        "collective-timeout",
        "NCCL",
        {
            "flags": _RESUME_FLAG,
            "start": _STATE,
            "step": 'if step % 10 == 0:\n    save()\nif step == 25 and not args.resume:\n    raise RuntimeError("[Rank 1] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=7, OpType=ALLREDUCE)")\n',
        },
        flags=True,
        least="--resume ckpt/step-20.pkl",
    ),
]


def seeded(fault: Fault, generator: random.Random) -> Fault:
    """The fault with what chance decides: the number of the port."""
    if not fault.hold:
        return fault
    port = generator.randint(20_000, 29_000)
    put = {
        place: code.replace("PORT)", f"{port})") if "MASTER" not in code else code
        for place, code in fault.put.items()
    }
    env = {name: value.replace("PORT", str(port)) for name, value in fault.env.items()}
    return fault._replace(put=put, env=env, hold=port)
