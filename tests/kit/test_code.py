"""What the semantic core knows of code, and what it says it does not know."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labhand.kit.code import Project, Source, Where, flow, load
from labhand.kit.code.model import LoopNode
from labhand.kit.code.origins import callee, origins
from labhand.kit.code.training import events, inside, proves_optimizer


def project(**files: str) -> tuple[Project, Where]:
    """A project in memory, and the outermost scope of its file `main`."""
    found = Project(Path("/code"))
    sources = [
        found.add(Source(Path("/code") / f"{name.replace('_in_', '/')}.py", text))
        for name, text in files.items()
    ]
    found.files = [s.path for s in sources]
    main = next(s for s in sources if s.path.stem == "main")
    assert main.error is None
    return found, Where(main, main.index.module)


def last(where: Where) -> ast.expr:
    """The expression of the last statement."""
    statement = where.source.tree.body[-1]
    assert isinstance(statement, ast.Expr)
    return statement.value


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import torch\ntorch.optim.Adam", "torch.optim.Adam"),
        ("import torch.optim as o\no.Adam", "torch.optim.Adam"),
        ("from torch import optim\noptim.Adam", "torch.optim.Adam"),
        ("from torch.optim.adam import Adam as A\nA", "torch.optim.Adam"),
        ("from torch.optim import *\nAdam", "torch.optim.Adam"),
        ("import torch\nmake = torch.optim.Adam\nmake", "torch.optim.Adam"),
        ("import pytorch_lightning as pl\npl.Trainer", "lightning.pytorch.Trainer"),
        ("len", "len"),
        ("from unknown import *\nAdam", None),
        ("import torch\nif x:\n    torch = other\ntorch.optim", None),
        ("Adam", None),
    ],
)
def test_names_are_followed_to_the_api_or_unknown(code: str, name: str | None) -> None:
    found, where = project(main=code)
    assert found.canonical(last(where), where) == name


def kinds(found: Project, where: Where) -> set[str]:
    return {o.name or o.kind for o in origins(found, last(where), where)}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import torch\nx = torch.optim.SGD(p)\nx", {"torch.optim.SGD"}),
        ("import torch\na, b = torch.optim.SGD(p), 1\na", {"torch.optim.SGD"}),
        ("import torch\nx = torch.optim.SGD(p) if c else None\nx", {"torch.optim.SGD", "None"}),
        ("import torch\ndef f():\n    return 1, torch.optim.SGD(p)\n_, x = f()\nx", {"torch.optim.SGD"}),
        ("import torch\nclass A:\n    def __init__(self):\n        self.o = torch.optim.SGD(p)\nA().o", {"torch.optim.SGD"}),
        ("import torch\nxs = [torch.optim.SGD(p) for p in q]\nxs[0]", {"torch.optim.SGD"}),
        ("x = unknown()\nx", {"unknown"}),
        ("x = x.next()\nx", {"unknown"}),
        ("def f(n):\n    return f(n)\nf(1)", {"unknown"}),
        ("for x in y:\n    pass\nx", {"unknown"}),
    ],
)  # fmt: skip
def test_values_are_followed_to_where_they_are_made(code: str, expected: set[str]) -> None:
    found, where = project(main=code)
    assert kinds(found, where) == expected


def test_values_are_followed_through_calls_and_files() -> None:
    found, where = project(
        build="import torch\nclass Agent:\n    def __init__(self, o):\n        self.o = o\n",
        main="import torch\nfrom build import Agent\nagent = Agent(torch.optim.Adam(p))\nagent.o",
    )
    assert kinds(found, where) == {"torch.optim.Adam"}


def test_a_parameter_is_what_its_callers_pass() -> None:
    found, where = project(
        main="import torch\ndef train(model, opt):\n    opt.step()\ntrain(m, torch.optim.Adam(p))\n"
    )
    (function,) = (s for s in where.source.index.scopes if s.name == "train")
    inner = Where(where.source, function)
    call = function.calls[0]
    assert isinstance(call.func, ast.Attribute)
    assert {o.name for o in origins(found, call.func.value, inner)} == {"torch.optim.Adam"}
    assert proves_optimizer(found, call.func.value, inner)


def test_calls_lead_to_methods_of_ancestors_in_other_files() -> None:
    found, where = project(
        base="class Base:\n    def go(self):\n        pass\n",
        main="from base import Base\nclass Sub(Base):\n    pass\nSub().go()",
    )
    call = last(where)
    assert isinstance(call, ast.Call)
    target = callee(found, call, where)
    assert isinstance(target, Where) and target.scope.qualified == "Base.go"


def test_packages_relative_imports_and_import_circles_resolve() -> None:
    found, where = project(
        pkg_in___init__="from .a import f\n",
        pkg_in_a="from . import b\ndef f():\n    return b.g()\n",
        pkg_in_b="from .a import f\ndef g():\n    return f()\n",
        main="from pkg import f\nf()",
    )
    call = last(where)
    assert isinstance(call, ast.Call)
    target = callee(found, call, where)
    assert isinstance(target, Where) and target.source.path.name == "a.py"
    assert kinds(found, where) == {"unknown"}
    assert {s.path.stem for s in found.component(where.source)} == {"main", "__init__", "a", "b"}


def loop_in(code: str) -> tuple[Project, Where, LoopNode]:
    found, where = project(main=code)
    loop = next(n for n in ast.walk(where.source.tree) if isinstance(n, LoopNode))
    return found, where, loop


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("for epoch in range(3):\n    pass", "epoch"),
        ("for x, y in train_loader:\n    pass", "batch"),
        ("for i, b in enumerate(tqdm(train_loader)):\n    pass", "batch"),
        (
            "from torch.utils.data import DataLoader\nd = DataLoader(s)\nfor b in d:\n    pass",
            "batch",
        ),
        ("for micro in range(accum_steps):\n    pass", "accumulation"),
        ("import torch\nwith torch.no_grad():\n    for b in loader:\n        pass", "inference"),
        ("for i in x:\n    pass", "unknown"),
    ],
)
def test_loops_are_told_apart(code: str, kind: str) -> None:
    found, where, loop = loop_in(code)
    assert flow.loop_kind(found, loop, where) == kind


@pytest.mark.parametrize(
    ("body", "again"),
    [
        ("here()", True),
        ("here()\n    break", False),
        ("here()\n    if a:\n        break\n    else:\n        return", False),
        ("here()\n    if a:\n        break", True),
        ("if a:\n        here()\n        break", False),
        ("if a:\n        here()\n        continue\n    break", True),
        ("try:\n        here()\n    finally:\n        raise E", False),
    ],
)
def test_what_can_come_round_again_is_known(body: str, again: bool) -> None:
    _, where, loop = loop_in(f"def f():\n  for x in y:\n    {body}\n")
    here = next(
        n for n in ast.walk(loop) if isinstance(n, ast.Call) and ast.unparse(n.func) == "here"
    )
    assert flow.on_cycle(where.source.index.parents, here, loop) is again


def test_events_are_followed_through_calls_and_callbacks() -> None:
    found, where, loop = loop_in(
        "import torch\no = torch.optim.SGD(p)\ndef clear():\n    o.zero_grad()\n"
        "def back(loss):\n    loss.backward()\nfor x in y:\n    run(clear)\n    back(x)\n    o.step()\n"
    )
    assert [e.kind for e in events(found, inside(loop), where)].count("clear") == 1
    assert {"clear", "backward", "step"} <= {e.kind for e in events(found, inside(loop), where)}


@given(st.binary(max_size=60))
def test_no_bytes_make_reading_fail(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.py", "a.ipynb"):
            path = Path(folder) / name
            path.write_bytes(content)
            source = load(path)
            assert source.error is None or source.tree.body == []
            assert source.index.module.name == "<module>"
