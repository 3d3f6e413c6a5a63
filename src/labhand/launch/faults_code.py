"""Faults in code, and those that only a person can mend."""

from labhand.launch.fault import Fault
from labhand.launch.standins import (
    ENCODER,
    MODULE,
    NUMPY,
    SAFE,
    TORCH_LOAD,
    called,
    raising,
)

CODE = [
    Fault(
        "numpy-removed-name",
        "np.float",
        {"imports": "import numpy as np\n", "start": "zeros = np.zeros(3, dtype=np.float)\n"},
        library={"numpy/__init__.py": NUMPY},
        least="float",
    ),
    Fault(
        "numpy-removed-name",
        "np.float_ and np.Inf",
        {
            "imports": "import numpy\n",
            "start": "best = numpy.Inf\n",
            "end": "numpy.zeros(2, numpy.float_)\n",
        },
        library={"numpy/__init__.py": NUMPY},
        least="numpy.inf, numpy.float64",
    ),
    Fault(
        "renamed-argument",
        "scikit-learn",
        {
            "imports": "from sklearn.preprocessing import OneHotEncoder\n",
            "start": 'encoder = OneHotEncoder(\n    sparse=False,\n    handle_unknown="ignore",\n)\n',
        },
        library={"sklearn/__init__.py": "", "sklearn/preprocessing.py": ENCODER},
        least="sparse_output=False",
    ),
    Fault(
        "version-conflict",
        "collections",
        {"imports": "from collections import Mapping\n"},
        least="from collections.abc import Mapping",
    ),
    Fault(
        "version-conflict",
        "a requirement",
        {"imports": "import slow\n"},
        library={
            "slow/__init__.py": 'raise ImportError("tokenizers>=0.21,<0.22 is required for a normal functioning of this module, but found tokenizers==0.19.1.")\n'
        },
    ),
    Fault(
        "weights-only",
        "argparse.Namespace",
        {"imports": "import torch\n", "start": 'state = torch.load("best.pt")\n'},
        library={"torch/__init__.py": TORCH_LOAD, "torch/serialization.py": SAFE},
        least="add_safe_globals([argparse.Namespace])",
    ),
    Fault(
        "checkpoint-keys",
        "a prefix",
        {
            "imports": "from torch.nn import Module\n",
            "start": 'state = {"module.weight": 1, "module.bias": 2}\nModule().load_state_dict(state)\n',
        },
        library={"torch/__init__.py": "", "torch/nn.py": MODULE},
        least="removeprefix",
    ),
    Fault(
        "checkpoint-keys",
        "other layers",
        {
            "imports": "from torch.nn import Module\n",
            "start": 'Module().load_state_dict({"head.weight": 1})\n',
        },
        library={"torch/__init__.py": "", "torch/nn.py": MODULE},
    ),
    Fault(
        "not-picklable",
        "spawn and a lambda",
        {
            "start": 'import multiprocessing\ncontext = multiprocessing.get_context("spawn")\nprocess = context.Process(target=lambda: None)\nprocess.start()\nprocess.join()\n'
        },
        least='get_context("fork")',
    ),
    Fault(
        "no-cuda",
        "--device",
        {
            "imports": "import torch\n",
            "flags": 'parser.add_argument("--device", default="cuda")\n',
            "start": "if args.device != 'cpu':\n    torch.call()\n",
        },
        library={
            "torch/__init__.py": raising(
                "Torch not compiled with CUDA enabled", error="AssertionError"
            )
        },
        flags=True,
        least="--device cpu",
    ),
    Fault(
        "no-cuda",
        "no switch",
        called("torch"),
        library={
            "torch/__init__.py": raising(
                "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU"
            )
        },
    ),
    Fault(
        "renamed-argument",
        "PyYAML",
        {"start": 'import yaml\nassert yaml.load("a: 1") == "full"\n'},
        library={"yaml.py": "FullLoader = 'full'\ndef load(stream, Loader):\n    return Loader\n"},
        least="Loader=yaml.FullLoader",
    ),
    Fault(
        "bad-arguments",
        "a misspelt flag",
        arguments=("--stesp", "40"),
        flags=True,
        least="--steps 40",
    ),
    Fault(
        "bad-arguments",
        "a choice in capitals",
        {"flags": 'parser.add_argument("--opt", choices=["adam", "sgd"], default="sgd")\n'},
        arguments=("--opt", "Adam"),
        flags=True,
        least="--opt adam",
    ),
    Fault(
        "bad-arguments",
        "a missing flag",
        {"flags": 'parser.add_argument("--data", required=True)\n'},
        flags=True,
    ),
    Fault(
        "out-of-memory",
        "CUDA",
        {"start": "import torch\ntorch.call()\n"},
        library={
            "torch/__init__.py": raising(
                "CUDA out of memory. Tried to allocate 2.00 GiB.", error="OutOfMemoryError"
            )
        },
    ),
    Fault(
        "dtype-unsupported",
        "half",
        called("torch"),
        library={"torch/__init__.py": raising("\"addmm_impl_cpu_\" not implemented for 'Half'")},
    ),
    Fault(
        "optimizer-state",
        "torch",
        called("torch"),
        library={
            "torch/__init__.py": raising(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group",
                error="ValueError",
            )
        },
    ),
]
"""Faults between the code, or the command, and the versions that are installed."""

_TEXTS = (
    (
        "ragged-batch",
        "a stack",
        "stack expects each tensor to be equal size, but got [3] at entry 0 and [5] at entry 1",
    ),
    ("target-range", "a label", "Target 3 is out of bounds."),
    ("autograd", "twice", "Trying to backward through the graph a second time"),
    (
        "not-finite",
        "anomaly",
        "Function 'SqrtBackward0' returned nan values in its 0th output.",
    ),
    ("seed-absent", "insists", "seed must be set for a reproducible run"),
)
_TOLD = [
    Fault(kind, name, called("torch"), library={"torch/__init__.py": raising(text)})
    for kind, name, text in _TEXTS
]
PEOPLE = [
    *_TOLD,
    Fault("own-code", "a key", {"step": 'if step == 7:\n    {"a": 1}["b"]\n'}),
    Fault("own-code", "an assertion", {"end": 'assert w > 100, "the slope is too low"\n'}),
    Fault("own-code", "a shape", {"start": "first, second = [1, 2, 3]\n"}),
    Fault("own-code", "nothing", {"start": "model = None\nmodel.train()\n"}),
    Fault("own-code", "a division", {"end": "ratio = w / (steps - steps)\n"}),
    Fault(
        "own-code",
        "an own argument",
        {"start": "def build(size): pass\nbuild(size=3, verbose=True)\n"},
    ),
    Fault(
        "own-code",
        "a slip of NumPy",
        {"imports": "import numpy as np\n", "start": "np.zeroes(3)\n"},
        library={"numpy/__init__.py": NUMPY},
    ),
    Fault("syntax", "a bracket", {"start": "x = (1,\n"}),
    Fault("unknown", "a code of its own", {"end": "raise SystemExit(7)\n"}),
]
"""Faults of the person's own logic, data or choices: explained, never mended."""
