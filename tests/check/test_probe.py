"""`labhand check --probe` runs the first steps of real trainings and proves what code alone cannot.

Each bug stands beside its twin, the same program without it: of the one it is proven, of the other nothing is.
"""

import importlib.util
import json

import pytest

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch"),
]

CLASSIFIER = """
import argparse

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.5))
        self.extra = nn.ModuleList([nn.Linear(32, 32)])
        self.head = nn.Linear(32, 4)

    def forward(self, x):
        h = self.body(x)
        for layer in self.extra:
            h = h + layer(h)
        return self.head(h)


def evaluate(model, loader):
    model.eval()
    right = 0
    with torch.no_grad():
        for x, y in loader:
            right += (model(x).argmax(1) == y).sum().item()
    return right / len(loader.dataset)


def train(model, loader, optimizer):
    model.train()
    for x, y in loader:
        out = model(x)
        loss = F.cross_entropy(out, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=50)
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    x = torch.randn(600, 8)
    y = (x[:, 0] > 0).long() + 2 * (x[:, 1] > 0).long()
    y, order = y.sort()
    data = TensorDataset(x[order], y)
    training = DataLoader(data, batch_size=32, shuffle=True)
    held_out = DataLoader(data, batch_size=64)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(args.epochs):
        train(model, training, optimizer)
        print("accuracy", evaluate(model, held_out))
        torch.save(model.state_dict(), "last.pt")


if __name__ == "__main__":
    main()
"""

REGRESSION = """
import torch
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(1)
x = torch.randn(512, 6)
y = x @ torch.randn(6) + 0.1 * torch.randn(512)
model = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for step in range(40):
    rows = torch.randint(0, 512, (32,))
    prediction = model(x[rows]).squeeze(-1)
    loss = ((prediction - y[rows]) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""

BINARY = """
import torch
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(1)
x = torch.randn(512, 6)
y = (x[:, 0] > 0).float()
model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for step in range(40):
    rows = torch.randint(0, 512, (32,))
    loss = criterion(model(x[rows]).squeeze(-1), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""

SEQUENCES = """
import torch
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(1)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 16)
        self.rnn = nn.GRU(16, 16, batch_first=True)
        self.head = nn.Linear(16, 5)

    def forward(self, tokens):
        hidden = self.rnn(self.embed(tokens))[0]
        return self.head(hidden.mean(1))


tokens = torch.randint(0, 20, (256, 9))
labels = tokens[:, 0] % 5
model = Tagger()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for step in range(40):
    rows = torch.randint(0, 256, (16,))
    loss = nn.functional.cross_entropy(model(tokens[rows]), labels[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""

WORKERS = """
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, get_worker_info


class Noisy(Dataset):
    def __init__(self):
        self.x = torch.randn(400, 4)
        self.rng = None

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        if self.rng is None:
            info = get_worker_info()
            self.rng = np.random.default_rng(info.seed if info else 0)
        return self.x[i] + float(self.rng.normal()), (self.x[i, 0] > 0).long()


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    loader = DataLoader(Noisy(), batch_size=16, shuffle=True, num_workers=2)
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(2):
        for x, y in loader:
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""

ADVERSARIES = """
import torch
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(1)
G = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
D = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
bce = nn.BCEWithLogitsLoss()
of_g, of_d = torch.optim.Adam(G.parameters(), lr=1e-3), torch.optim.Adam(D.parameters(), lr=1e-3)
one, zero = torch.ones(32, 1), torch.zeros(32, 1)
for step in range(40):
    with torch.no_grad():
        fake = G(torch.randn(32, 4))
    of_d.zero_grad()
    (bce(D(torch.randn(32, 2) + 3), one) + bce(D(fake), zero)).backward()
    of_d.step()
    of_g.zero_grad()
    bce(D(G(torch.randn(32, 4))), one).backward()
    of_g.step()
"""

CLOSURES = """
import torch
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(1)
x = torch.randn(64, 3)
y = x @ torch.randn(3, 1)
model = nn.Linear(3, 1)
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=3)


def closure():
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    return loss


for step in range(12):
    optimizer.step(closure)
"""

ACCUMULATION = """
import torch
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(1)
x = torch.randn(512, 6)
y = (x[:, 0] > 0).long()
model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for step in range(60):
    rows = torch.randint(0, 512, (16,))
    (nn.functional.cross_entropy(model(x[rows]), y[rows]) / 4).backward()
    if step % 4 == 3:
        optimizer.step()
        optimizer.zero_grad()
"""


def probed(lab, text, *arguments, name="train.py"):
    """What the probe says of a program, and its answer as JSON gives it."""
    lab.script(name, text)
    ran = lab("check", "--probe", "--format", "json", name, *arguments, "--", lab.python, name, timeout=300)  # fmt: skip
    assert ran.returncode in (0, 1), ran.stderr
    return json.loads(ran.stdout)


def told(answer):
    """The rules of the findings that the probe has made or raised, each with its line."""
    return {
        f["rule"]: f["where"]["line"] for f in answer["findings"] if "measured" in f["evidence"]
    }


def line(text, piece):
    """The number of the line that holds a piece of the text."""
    return text[: text.index(piece)].count("\n") + 1


def planted(healthy, *changes):
    """A program with a bug: pieces of the healthy one replaced."""
    text = healthy
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


HEALTHY = {
    "classifier": CLASSIFIER,
    "regression": REGRESSION,
    "binary": BINARY,
    "sequences": SEQUENCES,
    "workers": WORKERS,
    "adversaries": ADVERSARIES,
    "closures": CLOSURES,
    "accumulation": ACCUMULATION,
}


@pytest.mark.parametrize("name", HEALTHY)
def test_of_a_healthy_training_nothing_is_proven(lab, name):
    answer = probed(lab, HEALTHY[name])
    assert told(answer) == {}
    assert answer["summary"]["probe"]["steps"] >= 8
    assert answer["summary"]["probe"]["trouble"] is None


BUGS = {
    "softmax-outside": (
        "loss-double-softmax", "loss = F.cross_entropy",
        CLASSIFIER, ("out = model(x)\n", "out = F.softmax(model(x), dim=1) + 0.0\n"),
    ),
    "softmax-hidden": (
        "loss-double-softmax", "loss = F.cross_entropy",
        CLASSIFIER, ("return self.head(h)", "e = self.head(h).exp(); return e / e.sum(1, True)"),
    ),
    "sigmoid": (
        "loss-double-sigmoid", "loss = criterion",
        BINARY, ("nn.Linear(16, 1))", "nn.Linear(16, 1), nn.Sigmoid())"),
    ),
    "raw-into-nll": (
        "loss-missing-activation", "loss = F.nll_loss",
        CLASSIFIER, ("F.cross_entropy(out, y)", "F.nll_loss(getattr(out, 'float')(), y)"),
    ),
    "broadcast": (
        "loss-broadcast", "loss = ((prediction",
        REGRESSION, ("model(x[rows]).squeeze(-1)", "model(x[rows])"),
    ),
    "broadcast-mse": (
        "loss-broadcast", "loss = nn.functional.mse_loss",
        REGRESSION, ("model(x[rows]).squeeze(-1)", "model(x[rows])"),
        ("((prediction - y[rows]) ** 2).mean()", "nn.functional.mse_loss(prediction, y[rows])"),
    ),
    "never-cleared": (
        "grad-zero-missing", "optimizer.step()",
        CLASSIFIER, ("        optimizer.zero_grad()\n", ""),
    ),
    "never-cleared-after": (
        "grad-zero-missing", "optimizer.step()", ACCUMULATION, ("        optimizer.zero_grad()\n", ""),
    ),
    "cleared-too-late": (
        "grad-zero-misplaced", "optimizer.step()",
        CLASSIFIER, ("        optimizer.zero_grad()\n", ""),
        ("        optimizer.step()\n", "        model.zero_grad()\n        optimizer.step()\n"),
    ),
    "of-another-model": (
        "nothing-trainable", "optimizer = ",
        REGRESSION, ("torch.optim.SGD(model.parameters()", "torch.optim.SGD(other.parameters()"),
        ("optimizer = torch", "other = nn.Linear(2, 2)\noptimizer = torch"),
    ),
    "head-replaced": (
        "optim-before-change", "optimizer = ",
        CLASSIFIER, ("lr=1e-2)\n", "lr=1e-2)\n    setattr(model, 'head', nn.Linear(32, 4))\n"),
    ),
    "layers-in-a-list": (
        "param-not-registered", "self.extra = ",
        CLASSIFIER, ("nn.ModuleList([nn.Linear(32, 32)])", "[nn.Linear(32, 32)]"),
    ),
    "branch-cut-off": (
        "frozen-parameters", "optimizer = ",
        CLASSIFIER, ("h = self.body(x)\n", "h = torch.tensor(self.body(x).tolist())\n"),
    ),
    "evaluated-in-training-mode": (
        "mode-eval-missing", "right += ", CLASSIFIER, ("    model.eval()\n", ""),
    ),
    "trained-on-in-evaluation-mode": (
        "mode-train-not-restored", "model.eval()", CLASSIFIER, ("    model.train()\n", ""),
    ),
    "sorted-and-not-shuffled": (
        "shuffle-off-train", "training = ", CLASSIFIER, ("shuffle=True", "shuffle=bool(0)"),
    ),
    "softmax-over-the-batch": (
        "softmax-dim", "hidden = torch.softmax",
        SEQUENCES, ("(hidden.mean(1))", "(torch.softmax(hidden.mean(1), dim=hidden.dim() - 3))"),
        ("        return self.head", "        hidden = torch.softmax(hidden, 0)\n        return self.head"),
    ),
    "time-first": (
        "view-instead-of-permute", "hidden = self.rnn", SEQUENCES, (", batch_first=True", ""),
    ),
    "dead": (
        "not-learning", "loss = nn.functional", SEQUENCES,
        ("hidden.mean(1))", "torch.relu(hidden.mean(1) - 50))"),
        ("model = Tagger()", "model = Tagger()\nnn.init.zeros_(model.head.bias).requires_grad_(False)"),
    ),
    "large-at-the-start": (
        "initial-loss", "loss = F.cross_entropy",
        CLASSIFIER, ("model = Net()\n", "model = Net()\n    nn.init.normal_(model.head.weight, std=20.0)\n"),
    ),
    "workers-alike": (
        "worker-numpy-seed", "def __getitem__",
        WORKERS, ("info.seed if info else 0", "7"),
    ),
}  # fmt: skip
"""By name: the rule, a piece of the line that it is told at, the healthy twin, what is replaced in it."""


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_is_proven_at_its_line(lab, name):
    rule, piece, healthy, *changes = BUGS[name]
    text = planted(healthy, *changes)
    answer = probed(lab, text)
    assert told(answer) == {rule: line(text, piece)}
    assert rule in answer["ran"]


LIGHTNING = """
import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Lit(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 4))

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, _):
        x, y = batch
        return nn.functional.cross_entropy(self(x), y)

    def validation_step(self, batch, _):
        x, y = batch
        self.log("val", nn.functional.cross_entropy(self(x), y))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-2)


torch.set_num_threads(1)
x = torch.randn(2000, 8)
y = (x[:, 0] > 0).long() + 2 * (x[:, 1] > 0).long()
data = TensorDataset(x, y)
trainer = L.Trainer(max_epochs=20, accelerator="cpu", enable_progress_bar=False)
trainer.fit(Lit(), DataLoader(data, batch_size=32, shuffle=True), DataLoader(data, batch_size=64))
"""


def test_a_trainer_of_lightning_is_looked_at_up_to_its_evaluation(lab):
    pytest.importorskip("lightning")
    answer = probed(lab, LIGHTNING)
    assert told(answer) == {}
    assert not [s for s in answer["skipped"] if s["rule"] in ("mode-eval-missing", "not-learning")]
    text = planted(LIGHTNING, ("return nn.functional.cross_entropy(self(x)", "return nn.functional.cross_entropy(self(x).softmax(1)"))  # fmt: skip
    assert told(probed(lab, text)) == {"loss-double-softmax": line(text, "return nn.functional")}


TRAINER = """
import torch
from torch.utils.data import Dataset
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

torch.manual_seed(0)
torch.set_num_threads(1)


class Rows(Dataset):
    def __init__(self):
        self.ids = torch.randint(5, 60, (300, 12))

    def __len__(self):
        return 300

    def __getitem__(self, i):
        return {"input_ids": self.ids[i], "labels": int(self.ids[i, 0] > 30)}


config = BertConfig(
    vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
)
arguments = TrainingArguments(
    "out", num_train_epochs=5, eval_strategy="epoch", report_to=[], use_cpu=True, learning_rate=1e-3
)
model = BertForSequenceClassification(config)
Trainer(model, arguments, train_dataset=Rows(), eval_dataset=Rows()).train()
"""


def test_a_trainer_of_transformers_is_looked_at_up_to_its_evaluation(lab):
    pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    answer = probed(lab, TRAINER)
    assert told(answer) == {}
    assert not [s for s in answer["skipped"] if s["rule"] in ("mode-eval-missing", "not-learning")]
