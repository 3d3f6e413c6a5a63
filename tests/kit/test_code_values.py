"""What the vocabulary of rules knows of values, order and data, and where it says that it does not."""

import ast
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labhand.kit.code import Project, Source
from labhand.kit.code.knowledge import tables
from labhand.kit.code.view import View

HEAD = """\
import numpy as np
import torch
import torch.nn.functional as F
from functools import partial
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
"""


def view(code: str, **files: str) -> View:
    project = Project(Path("/code"))
    for name, text in files.items():
        project.add(Source(Path("/code") / f"{name}.py", HEAD + text))
    main = project.add(Source(Path("/code/main.py"), HEAD + code))
    project.files = [Path("/code") / f"{n}.py" for n in files] + [main.path]
    assert main.error is None
    return View(main, project)


def last(found: View) -> ast.expr:
    statement = found.source.tree.body[-1]
    assert isinstance(statement, ast.Expr)
    return statement.value


NET = """\
class Net(nn.Module):
    def __init__(self, out=None):
        super().__init__()
        self.body = nn.Linear(8, 2)
        self.drop = nn.Dropout(0.5)
        self.out = out or nn.Softmax(dim=1)
    def forward(self, x):
        hidden = self.drop(self.body(x))
        return self.out(hidden)
    def logits(self, x):
        return self.body(x)
"""


# Names of calls


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("nn.Softmax(1)(x)", "torch.nn.Softmax()"),
        ("crit = nn.CrossEntropyLoss()\ncrit(x, y)", "torch.nn.CrossEntropyLoss()"),
        ("crit = nn.CrossEntropyLoss().to('cuda')\ncrit(x, y)", "torch.nn.CrossEntropyLoss()"),
        ("def make():\n    return nn.MSELoss()\nmake()(x, y)", "torch.nn.MSELoss()"),
        ("class A:\n    def __init__(self):\n        self.c = nn.MSELoss()\nA().c(x, y)", "torch.nn.MSELoss()"),
        ("f = partial(F.cross_entropy, reduction='sum')\nf(x, y)", "torch.nn.functional.cross_entropy"),
        ("m = LogisticRegression().fit(X, y)\nm.score(X, y)", "sklearn.linear_model.LogisticRegression.score"),
        (NET + "net = Net()\nnet(x)", "torch.nn.Module()"),
        (NET + "net = nn.DataParallel(Net())\nnet(x)", "torch.nn.Module()"),
        (NET + "Net().logits(x)", None),
        ("x.softmax(1)", ".softmax"),
        ("torch.randn(3).softmax(0)", ".softmax"),
        ("crit = nn.MSELoss() if c else nn.L1Loss()\ncrit(x, y)", None),
        ("crit = unknown()\ncrit(x, y)", None),
    ],
)  # fmt: skip
def test_calls_have_the_names_that_tables_use(code: str, name: str | None) -> None:
    found = view(code)
    call = last(found)
    assert isinstance(call, ast.Call)
    assert found.call(call).name == name


def test_options_are_looked_up_in_the_call_and_in_what_made_the_instance() -> None:
    found = view("c = nn.CrossEntropyLoss(reduction='sum', ignore_index=-100, weight=w)\nc(x, y)")
    (call,) = found.calls("torch.nn.CrossEntropyLoss()")
    assert call.option("reduction", "mean") == "sum"
    assert call.option("ignore_index") == -100
    assert call.option("weight") is ...
    assert call.option("label_smoothing", 0.0) == 0.0
    assert call.made is not None and call.made.node.lineno < call.node.lineno


def test_calls_are_found_by_name_by_table_and_by_method() -> None:
    found = view("F.mse_loss(a, b)\nF.softmax(a, 1)\no.step()\nstep()\n")
    assert [c.method for c in found.calls("torch.nn.functional.softmax", ".step")] == [
        "softmax",
        "step",
    ]
    assert [c.method for c, _ in found.known("losses")] == ["mse_loss"]
    assert found.known("losses", "takes") == []


# Roles


@pytest.mark.parametrize(
    ("code", "role"),
    [
        ("torch.softmax(x, 1)", "probabilities"),
        ("p = x.sigmoid().view(-1).clone()\np", "probabilities"),
        ("torch.softmax(x, 1).log()", "log-probabilities"),
        ("F.log_softmax(x, 1).exp()", "probabilities"),
        ("1 - torch.sigmoid(x)", "probabilities"),
        ("nn.Linear(3, 2)(x) / 0.7", "logits"),
        ("nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.1))(x)", "logits"),
        ("layers = [nn.Linear(3, 2), nn.Softmax(1)]\nnn.Sequential(*layers)(x)", None),
        ("n = nn.Sequential()\nn.append(nn.Linear(3, 2))\nn.append(nn.Sigmoid())\nn(x)", "probabilities"),
        ("v, i = torch.softmax(x, 1).max(1)\ni", "class-indices"),
        ("v, i = torch.softmax(x, 1).max(1)\nv", "probabilities"),
        ("d = {'p': torch.softmax(x, 1), 'q': x}\nd['p']", "probabilities"),
        ("ps = []\nfor x in xs:\n    ps.append(torch.sigmoid(x))\nps[0]", "probabilities"),
        ("for p in [torch.sigmoid(a), torch.sigmoid(b)]:\n    pass\np", "probabilities"),
        ("x = torch.sigmoid(x)\nx = net(x)\nx", None),
        ("if c:\n    x = torch.sigmoid(x)\nelse:\n    x = net(x)\nx", None),
        (NET + "Net()(x)", None),  # what `out or …` gives is not sure
        ("def f(x, act=torch.sigmoid):\n    return torch.sigmoid(x)\nf(x)", "probabilities"),
        ("def f(x):\n    return x\nf(torch.sigmoid(z))", "probabilities"),
        ("def f(x):\n    return x\na = f(torch.sigmoid(z))\nf(z)", None),
        ("def f(x):\n    return f(x)\nf(x)", None),
        ("while c:\n    x = x.view(-1)\nx", None),
        ("out = model(x)\nout.logits", "logits"),
        ("F.one_hot(y, 3)", "one-hot"),
    ],
)  # fmt: skip
def test_roles_of_tensors(code: str, role: str | None) -> None:
    found = view(code)
    assert found.role(last(found)).value == role


def test_a_role_carries_its_chain_of_evidence_through_files() -> None:
    found = view(
        "from helper import head\ndef loss(x, y):\n    return F.cross_entropy(head(x), y)\n",
        helper="def head(x):\n    p = torch.softmax(x, dim=1)\n    return p\n",
    )
    (call,) = found.calls("torch.nn.functional.cross_entropy")
    given = call.arg(0)
    assert given is not None
    fact = found.role(given)
    assert [s.message for s in fact.chain] == [
        "`torch.softmax` gives probabilities",
        "`head` gives it back here",
    ]
    assert {s.source.path.name for s in fact.chain} == {"helper.py"}


# Splits, graph, units, shapes


@pytest.mark.parametrize(
    ("code", "part", "sure"),
    [
        ("a, b = train_test_split(X)\nb", "test", True),
        ("a, b, c, d = train_test_split(X, y)\nc", "train", True),
        ("a, b = train_test_split(X)\nc, d = train_test_split(a)\nd", "validation", True),
        ("a, b = train_test_split(X)\ns = StandardScaler().fit(a)\ns.transform(b)", "test", True),
        ("a, b = train_test_split(df)\nb['x'].values.astype(float)", "test", True),
        ("import torchvision.datasets as d\ntorch.utils.data.DataLoader(d.MNIST('.', train=False))", "test", True),
        ("from datasets import load_dataset\nload_dataset('x')['validation']", "validation", True),
        ("from datasets import load_dataset\nload_dataset('x', split='train[:90%]')", "train", True),
        ("a, b = torch.utils.data.random_split(d, [9, 1])\nb", "held-out", True),
        ("t = torch.utils.data.Subset(load_train(), rows)\nt", None, True),
        ("valid = torch.utils.data.Subset(train_set, rows)\nvalid", "validation", False),
        ("def f(test=False):\n    return X_test if test else X_train\nf()", "train", False),
        ("def f(test=False):\n    return X_test if test else X_train\nf(True)", "test", False),
        ("def f(kind):\n    if kind == 'test':\n        return X_test\n    return X_train\nf('val')", "train", False),
        ("def f(kind):\n    if kind == 'test':\n        d = X_test\n    else:\n        d = X_train\n    return d\nf('test')", "test", False),
        ("def f(kind):\n    return X_test if kind else X_train\nf(unknown)", None, True),
        ("X_test", "test", False),
        ("self.val_loader", "validation", False),
        ("train_test", None, True),
        ("contest", None, True),
        ("X", None, True),
    ],
)  # fmt: skip
def test_parts_of_the_data(code: str, part: str | None, sure: bool) -> None:
    found = view(code)
    fact = found.split(last(found))
    assert (fact.value, fact.sure) == (part, sure)


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("net = nn.Linear(2, 2)\nnet(x)", "attached"),
        ("net = nn.Linear(2, 2)\nF.mse_loss(net(x), y) * 2", "attached"),
        ("net = nn.Linear(2, 2)\nnet(x).detach() + 1", "detached"),
        ("net = nn.Linear(2, 2)\nfloat(net(x).sum())", "detached"),
        ("net = nn.Linear(2, 2)\nwith torch.no_grad():\n    z = net(x)\nz", "detached"),
        ("net = nn.Linear(2, 2)\n@torch.no_grad()\ndef f(x):\n    return net(x)\nf(x)", "detached"),
        (
            "net = nn.Linear(2, 2)\ndef f(x):\n    return net(x)\nwith torch.no_grad():\n    z = f(x)\nz",
            "detached",
        ),
        ("loss = unknown(x)\nloss.backward()\nloss", "attached"),
        ("loss = unknown(x)\nloss.backward()\nloss = loss.item()\nloss", "detached"),
        ("x", None),
    ],
)
def test_states_of_the_graph(code: str, state: str | None) -> None:
    found = view(code)
    assert found.graph(last(found)).value == state


TOTAL = "total = 0\nfor x, y in loader:\n    {term}\n{result}"


@pytest.mark.parametrize(
    ("term", "result", "unit"),
    [
        ("total += F.mse_loss(x, y).item()", "total / len(loader)", "mean of means"),
        ("total += F.mse_loss(x, y).item()", "total / len(loader.dataset)", "mean over size"),
        ("total += F.mse_loss(x, y).item() * len(x)", "total / len(loader.dataset)", "mean"),
        (
            "total = total + F.mse_loss(x, y, reduction='sum')",
            "total / len(loader)",
            "sum per batch",
        ),
        ("total += (x.argmax(1) == y).sum()", "total", "sum of sums"),
        ("total += 1", "total", "batches"),
        ("total += y.size(0)", "total", "samples"),
        ("total += F.mse_loss(x, y, reduction=r).item()", "total / len(loader)", None),
        ("total += other(x)", "total / len(loader)", None),
        ("total += F.mse_loss(x, y).item()", "total / 7", None),
    ],
)
def test_units_of_aggregates(term: str, result: str, unit: str | None) -> None:
    found = view(TOTAL.format(term=term, result=result))
    assert found.unit(last(found)).value == unit


@pytest.mark.parametrize(
    ("code", "unit"),
    [
        ("args.epochs", "epochs"),
        ("num_epochs = 10\nnum_epochs * len(train_loader)", "steps"),
        ("epoch", None),
        ("len(loader)", "batches"),
    ],
)
def test_counts_of_a_schedule(code: str, unit: str | None) -> None:
    found = view(code)
    assert found.unit(last(found)).value == unit


@pytest.mark.parametrize(
    ("code", "shape"),
    [
        ("torch.zeros(3, n)", (3, "n")),
        ("nn.Linear(4, 1)(x)", (..., 1)),
        ("nn.Linear(4, 1)(torch.randn(8, 4))", (8, 1)),
        ("nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 1))(torch.randn(8, 4)).squeeze(-1)", (8,)),
        ("torch.zeros(3).unsqueeze(-1)", (3, 1)),
        ("x.view(-1, 1)", (None, 1)),
        ("torch.zeros(3, 2).argmax(1)", (3,)),
        ("nn.Linear(4, 1)(x)[:, 0]", None),
        ("torch.zeros(3, 4)[:, 0]", (3,)),
        ("x", None),
        ("torch.zeros(size)", None),
    ],
)  # fmt: skip
def test_shapes_from_sure_facts(code: str, shape: object) -> None:
    found = view(code)
    assert found.shape(last(found)).value == shape


# Modes


def modes_of(code: str, **files: str) -> set[str | None]:
    found = view(code, **files)
    call = found.calls("torch.nn.Module()")[-1]
    return {f.value for f in found.modes(call.node.func, call)}


@pytest.mark.parametrize(
    ("code", "modes"),
    [
        ("net = Net()\nnet(x)", {"train"}),
        ("net = Net().eval()\nnet(x)", {"eval"}),
        ("net = Net()\nnet.eval()\nnet(x)", {"eval"}),
        ("net = Net()\nnet.eval()\nnet.train()\nnet(x)", {"train"}),
        ("net = Net()\nnet.train(False)\nnet(x)", {"eval"}),
        ("net = Net()\nnet.train(flag)\nnet(x)", {None}),
        ("net = Net()\nif c:\n    net.eval()\nnet(x)", {"train", "eval"}),
        ("net = Net()\nfor b in bs:\n    net(b)\n    net.eval()\n", {"train", "eval"}),
        ("net = Net()\ndef off(m):\n    m.eval()\noff(net)\nnet(x)", {"eval"}),
        ("net = Net()\ndef look(m):\n    print(m)\nlook(net)\nnet(x)", {"train"}),
        ("def run(m: Net):\n    m(x)\nnet = Net()\nnet.eval()\nrun(net)\n", {"eval"}),
        ("class T:\n    def __init__(self):\n        self.net = Net()\n    def go(self):\n        self.net.eval()\n        self.net(x)\n", {"eval"}),
    ],
)  # fmt: skip
def test_modes_on_every_way(code: str, modes: set[str | None]) -> None:
    assert modes_of(NET + code) == modes


def test_what_depends_on_the_mode_is_pointed_at() -> None:
    found = view(NET + "net = Net()\nplain = nn.Linear(2, 2)\n(net, plain, other)")
    parts = last(found)
    assert isinstance(parts, ast.Tuple)
    first, second, third = (found.mode_matters(p) for p in parts.elts)
    assert isinstance(first, ast.Call) and ast.unparse(first) == "nn.Dropout(0.5)"
    assert (second, third) == (False, None)


# Order


def order(code: str) -> tuple[View, dict[str, ast.Call]]:
    found = view(code)
    return found, {ast.unparse(c.func): c for c in found.nodes(ast.Call)}


def test_ways_lead_round_loops_and_past_branches() -> None:
    found, call = order("for x in xs:\n    a()\n    if c:\n        b()\n    d()\ne()\n")
    assert found.leads(call["d"], call["a"])
    assert found.leads(call["a"], call["e"])
    assert not found.leads(call["e"], call["a"])
    b = found.does("b")
    assert found.leads(call["a"], call["d"], avoiding=b)
    assert not found.always_before(call["d"], b)
    assert found.always_before(call["d"], found.does("a"))
    assert not found.always_before(call["e"], found.does("a"))


def test_ways_through_try_break_and_endless_loops() -> None:
    found, call = order(
        "while True:\n    try:\n        a()\n        b()\n    except E:\n        c()\n        continue\n"
        "    finally:\n        d()\n    if x:\n        break\ne()\n"
    )
    assert found.leads(call["a"], call["c"])
    assert found.leads(call["c"], call["a"])
    assert found.always_before(call["e"], found.does("d"))
    assert not found.always_before(call["e"], found.does("b"))


def test_a_condition_that_holds_on_the_way_holds_at_its_end() -> None:
    found, call = order(
        "args = self.args\nif args.half:\n    a()\nif self.args.half:\n    b()\nc()\n"
        "if args.half and not late:\n    d()\nif step % 2:\n    e()\nstep = step + 1\nif step % 2:\n    f()\n"
    )
    b = found.does("b")
    assert not found.leads(call["a"], call["d"], avoiding=b)
    assert found.leads(call["a"], call["c"], avoiding=found.does("d"))
    assert found.always_before(call["d"], b)
    assert found.leads(call["e"], call["f"])
    other, call = order("if x:\n    a()\nelse:\n    b()\nif not x:\n    c()\n")
    assert not other.leads(call["a"], call["c"])
    assert other.leads(call["b"], call["c"])


def test_gradients_are_off_where_set_grad_enabled_says_false() -> None:
    for argument, off in (("False", True), ("True", False), ("train", None)):
        found = view(f"with torch.set_grad_enabled({argument}):\n    f(x)\n")
        call = next(c for c in found.nodes(ast.Call) if ast.unparse(c.func) == "f")
        assert found.without_gradients(call) is off


def test_a_statement_does_what_its_calls_do() -> None:
    found, call = order("def helper():\n    inner.unscale_(o)\na()\nhelper()\nb()\n")
    assert not found.leads(call["a"], call["b"], avoiding=found.does("unscale_"))


def test_loops_have_kinds_also_through_callers() -> None:
    found = view(
        "def step(x):\n    loss(x).backward()\n    opt.step()\n"
        "for epoch in range(9):\n    for x in train_loader:\n        step(x)\n"
        "    with torch.no_grad():\n        for x in val_loader:\n            score(x)\n"
    )
    (backward,) = found.calls(".backward")
    assert [loop.kind for loop in found.loops(backward.node, up=1)] == ["batch", "epoch"]
    score = next(c for c in found.nodes(ast.Call) if ast.unparse(c.func) == "score")
    assert [loop.kind for loop in found.loops(score)] == ["inference", "epoch"]
    assert found.without_gradients(score) is True


def test_contexts_are_known_through_all_callers_or_not_at_all() -> None:
    found = view(
        "def inner(x):\n    f(x)\n@torch.no_grad()\ndef one():\n    inner(1)\ndef two():\n    inner(2)\n"
    )
    call = next(c for c in found.nodes(ast.Call) if ast.unparse(c.func) == "f")
    assert found.without_gradients(call) is None


def test_guards_say_which_way_they_hold() -> None:
    found, call = order("if a:\n    f()\nelse:\n    g() if b else h()\n")
    assert [(ast.unparse(t), yes) for t, yes in found.guards(call["f"])] == [("a", True)]
    assert [(ast.unparse(t), yes) for t, yes in found.guards(call["h"])] == [
        ("b", False),
        ("a", False),
    ]


def test_hooks_of_frameworks_say_their_state() -> None:
    found = view(
        "import pytorch_lightning as pl\nclass Base(pl.LightningModule): pass\nclass Lit(Base):\n"
        "    def training_step(self, b): pass\n    def test_step(self, b): pass\n    def own(self): pass\n"
    )
    states = {w.scope.name: found.hook(w) for w in found.functions}
    assert (states["training_step"], states["test_step"], states["own"]) == ("train", "eval", None)


# Data


def test_what_flows_into_a_value_is_followed_through_stores_functions_and_files() -> None:
    found = view(
        "from prep import clean\ndf = clean(load('x'))\ndf['z'] = scale(df['a'])\nother = noise()\nmodel(df)",
        prep="def clean(frame):\n    frame = drop(frame)\n    return frame\n",
    )
    call = last(found)
    assert isinstance(call, ast.Call)
    names = {ast.unparse(n.func) for n in found.behind(call.args[0]) if isinstance(n, ast.Call)}
    assert names == {"clean", "load", "scale", "drop"}


def test_uses_are_those_that_a_binding_reaches() -> None:
    found = view("x = 1\nf(x)\nx = 2\ng(x)\nh([x for x in y])\n")
    first = found.source.tree.body[len(ast.parse(HEAD).body)]
    assert [use.lineno for use in found.uses(first)] == [len(HEAD.splitlines()) + 2]


def test_sameness_is_known_or_not() -> None:
    found = view("a = nn.Linear(1, 1)\nb = a\nc = nn.Linear(1, 1)\n(a, b, c, d)")
    parts = last(found)
    assert isinstance(parts, ast.Tuple)
    a, b, c, d = parts.elts
    assert (found.same(a, b), found.same(a, c), found.same(a, d)) == (True, False, None)


# Tables, cost, odd code


@pytest.mark.parametrize(
    "path", sorted(Path(tables.__file__).parent.glob("*.toml")), ids=lambda p: p.stem
)
def test_tables_say_their_versions_and_name_things_once(path: Path) -> None:
    assert tables.table(path.stem)["version"]
    assert tables.entries(path.stem)
    for section, words in tables.table(path.stem).items():
        for word, names in words.items() if isinstance(words, dict) else ():
            if "." not in section and isinstance(names, list) and all(map(_is_text, names)):
                assert len(names) == len(set(names)), f"{path.stem}: {section}.{word}"


def _is_text(name: object) -> bool:
    return isinstance(name, str)


def test_names_in_the_torch_tables_exist() -> None:
    torch = pytest.importorskip("torch")
    for table in ("losses", "layers", "roles", "schedulers"):
        for name in tables.entries(table):
            if not name.startswith("torch."):
                continue
            thing: object = torch
            for part in name.removesuffix("()").split(".")[1:]:
                assert hasattr(thing, part), f"{table}: {name}"
                thing = getattr(thing, part)


def questions(found: View) -> None:
    """Asks everything of every expression."""
    for call in [c for calls in found.source.index.called.values() for c, _ in calls]:
        found.call(call).name, found.loops(call, up=1), found.guards(call)
        found.without_gradients(call)
        for part in (call.func, *call.args):
            for ask in (
                found.role,
                found.graph,
                found.split,
                found.unit,
                found.shape,
                found.behind,
            ):
                ask(part)
        found.modes(call.func, call), found.mode_matters(call.func)
    for statement in found.nodes(ast.Assign):
        found.uses(statement)


@pytest.mark.parametrize(
    "module", ["argparse", "dataclasses", "contextlib", "asyncio/base_events", "tkinter/__init__"]
)
def test_every_question_has_an_answer_on_code_of_others(module: str) -> None:
    path = Path(sysconfig.get_paths()["stdlib"]) / f"{module}.py"
    if not path.is_file():
        pytest.skip("this Python has no such module")
    project = Project(path.parent)
    project.files = [path]
    source = project.source(path)
    assert source is not None
    questions(View(source, project))


PIECES = st.sampled_from(
    "x = x;x = f(x);x, y = y, x;x += x;x = x[0];x = [x];x = {'a': x};self.x = x;x = x if y else z;"
    "x = lambda x: x;x = [x for x in x];y = x.x.x;x = f;del x;global q;import x;from x import y;x: int = x;"
    "x = yield_(x);(x := x);f(*x, **y);x.append(x);x.eval();x = torch.softmax(x, 1);x[x] = x".split(
        ";"
    )
)
BLOCKS = st.sampled_from(
    "if x:;for x in x:;while x:;with x as x:;def f(x=x):;class C(C):;try:;for x, (y, *z) in f(x):".split(
        ";"
    )
)


@st.composite
def programs(draw: st.DrawFn, depth: int = 0) -> list[str]:
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 4))):
        if depth < 3 and draw(st.booleans()):
            head = draw(BLOCKS)
            lines.append(head)
            lines += [f"    {line}" for line in draw(programs(depth + 1))]
            lines += ["except E as x:", "    pass"] if head == "try:" else []
        else:
            lines.append(draw(PIECES))
    return lines


@settings(max_examples=60, deadline=None)
@given(programs())
def test_every_question_has_an_answer_on_any_program(lines: list[str]) -> None:
    source = Source(Path("/code/main.py"), "\n".join(["import torch", *lines, ""]))
    if source.error is None:
        project = Project(Path("/code"))
        project.files = [source.path]
        questions(View(project.add(source), project))
