"""What variants of a program do, in numbers: a script for the Python that has the program's frameworks.

    PYTHON effects.py < {"program": TEXT, "variants": [TEXT, …], "seconds": 60}

Prints a JSON list, for each variant in what its run differs from the program's: `printed`, `loss`,
`gradients`, `mode` (of modules when they run), `graph` (whether forward passes keep it), `kept` (graphs
alive after steps), `raises`, `slow` (it was ended). Null: the program itself does not run here, or does
not repeat itself. What the program imports is imported once and each run is a fork of that, on one thread.
Imports nothing of labhand's.
"""

import ast
import contextlib
import gc
import io
import json
import os
import select
import signal
import sys
import tempfile
import time
from typing import Any

LOOKS = (4, 12)
"""The steps after which graphs that are alive are counted."""


def main() -> None:
    """Runs what standard input says, and prints what differs."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("KERAS_BACKEND", "torch")
    asked = json.load(sys.stdin)
    shown, sys.stdout = sys.stdout, io.StringIO()
    with contextlib.suppress(Exception):
        _import(asked["program"])
    trace = _watch()
    first, again = (_run(asked["program"], trace, asked["seconds"]) for _ in range(2))
    if first.get("raises") or first.get("slow") or first != again:
        answer = None
    else:
        runs = (_run(text, trace, asked["seconds"]) for text in asked["variants"])
        answer = [sorted(k for k in first if run.get(k) != first[k]) for run in runs]
    json.dump(answer, shown)


def _import(text: str) -> None:
    """Imports what a program does at its top."""
    tree = ast.parse(text)
    imports: list[ast.stmt] = [s for s in tree.body if isinstance(s, (ast.Import, ast.ImportFrom))]
    exec(compile(ast.Module(imports, []), "imports", "exec"), {})


def _watch() -> dict[str, Any]:
    """What the run's trace is filled into; with torch its losses, gradients, modes and graphs are."""
    trace: dict[str, Any] = {"loss": [], "gradients": [], "mode": {}, "graph": {}, "kept": []}
    torch = sys.modules.get("torch")
    if torch is None:
        return trace
    torch.set_num_threads(1)
    backward = torch.Tensor.backward

    def noted(self: Any, *given: Any, **named: Any) -> Any:
        trace["loss"].append(_number(self.detach().double().sum()))
        return backward(self, *given, **named)

    def stepping(optimizer: Any, *_: Any) -> None:
        held = [p.grad for group in optimizer.param_groups for p in group["params"]]
        norms = [g.detach().double().norm() ** 2 for g in held if g is not None]
        trace["gradients"].append(_number(sum(norms)))
        if len(trace["gradients"]) in LOOKS:
            graphs = (o for o in gc.get_objects() if isinstance(o, torch.Tensor))
            trace["kept"].append(sum(1 for o in graphs if o.grad_fn is not None))

    def ran(module: Any, *_: Any) -> None:
        for name, value in (("mode", module.training), ("graph", torch.is_grad_enabled())):
            key = f"{type(module).__name__} {value}"
            trace[name][key] = trace[name].get(key, 0) + 1

    torch.Tensor.backward = noted
    sys.modules["torch.optim.optimizer"].register_optimizer_step_pre_hook(stepping)
    torch.nn.modules.module.register_module_forward_hook(ran)
    return trace


def _number(value: Any) -> float:
    return float(f"{float(value):.6g}")


def _run(text: str, trace: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The trace of a text that is run in a fork."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.setsid()
        os.close(reading)
        try:
            told = _ran(text, trace)
            with os.fdopen(writing, "w") as file:
                json.dump(told, file)
        finally:
            os._exit(0)
    os.close(writing)
    until, held = time.monotonic() + seconds, b""
    with os.fdopen(reading, "rb", 0) as file:
        while (left := until - time.monotonic()) > 0 and select.select([file], [], [], left)[0]:
            piece = file.read(1 << 16)
            if not piece:
                break
            held += piece
        else:
            os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    try:
        run: dict[str, Any] = {"raises": "", "slow": False} | json.loads(held)
    except ValueError:
        run = {"raises": "", "slow": True}
    return run


def _ran(text: str, trace: dict[str, Any]) -> dict[str, Any]:
    printed, raised = io.StringIO(), ""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(printed):
        os.chdir(folder)
        sys.argv = ["program.py"]
        sys.path.insert(0, folder)
        try:
            exec(compile(text, "program.py", "exec"), {"__name__": "__main__"})
        except BaseException as error:  # whatever a variant does is its effect
            raised = f"{type(error).__name__}: {error}"
        os.chdir("/")
    return {**trace, "printed": printed.getvalue(), "raises": raised}


if __name__ == "__main__":
    main()
