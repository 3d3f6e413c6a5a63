"""Trainings with a planted fault; prints what the probe said of each as one JSON line. Run by tests."""

import json
import os
import sys

import torch
import torch._dynamo  # once for all cases: each optimizer would load it
from torch import nn

from labhand.probe import session as sessions
from labhand.probe import torch_hooks

ROWS, BAD = 8, 3
cross_entropy = nn.functional.cross_entropy


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class SquareRoot(Function):
    def __init__(self):
        super().__init__(lambda x: x.abs().sqrt())


class Logarithm(Function):
    def __init__(self):
        super().__init__(lambda x: x.abs().log())


class Normalise(Function):
    def __init__(self):
        super().__init__(lambda x: (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True))


class Centre(Function):
    def __init__(self):
        super().__init__(lambda x: x - x.mean())


class Squares(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.last(self.first(x) ** 2)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.qkv, self.head = nn.Embedding(10, 16), nn.Linear(16, 48), nn.Linear(16, 3)
        self.softmax = nn.Softmax(-1)

    def forward(self, tokens, padding):
        q, k, v = self.qkv(self.embed(tokens)).chunk(3, -1)
        scores = (q @ k.transpose(1, 2)).masked_fill(padding[:, None], -float("inf"))
        return self.head((self.softmax(scores) @ v).mean(1))


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(10, 16), nn.Linear(16, 3)

    def forward(self, tokens):
        return self.head(self.embed(tokens).mean(1))


def train(model, loss=cross_entropy, plant=None, at=6, steps=9, lr=0.01, cast=None, inputs=None):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    target = torch.arange(ROWS) % 3
    for step in range(steps):
        batch = [t.clone() for t in inputs] if inputs else [torch.randn(ROWS, 4)]
        if plant and step == at:
            plant(batch)
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=cast or torch.bfloat16, enabled=cast is not None):
            value = loss(model(*batch).float(), target)
        value.backward()
        optimizer.step()


def row(value, bad=BAD):
    def plant(batch):
        batch[0][bad] = value

    return plant


def head(*layers):
    return nn.Sequential(*layers, nn.Linear(8, 3))


def nan_in_a_row():
    train(head(nn.Linear(4, 8)), plant=row(float("nan")))


def infinity_in_the_first_batch():
    train(head(nn.Linear(4, 8)), plant=row(-float("inf")), at=0)


def nan_that_the_model_ignores():
    train(head(Function(lambda x: torch.nan_to_num(x)), nn.Linear(4, 8)), plant=row(float("nan")))


def root_of_zero():
    train(head(nn.Linear(4, 8, bias=False), SquareRoot()), plant=row(0.0))


def root_of_zero_late_in_a_fast_loop():
    train(head(nn.Linear(4, 8, bias=False), SquareRoot()), plant=row(0.0), at=173, steps=175)


def logarithm_of_zero():
    train(head(nn.Linear(4, 8, bias=False), Logarithm()), plant=row(0.0))


def half_precision_overflow():
    train(Squares(), plant=row(3e4), cast=torch.float16)


def bfloat16_overflow():
    train(Squares(), plant=row(3e25), cast=torch.bfloat16)


def learning_rate_too_large():
    train(Squares(), lr=1e15)


def attention_to_nothing():
    padding = torch.zeros(ROWS, 5, dtype=torch.bool)
    padding[1, 3:] = True

    def plant(batch):
        batch[1][BAD] = True

    train(Attention(), plant=plant, inputs=[torch.randint(0, 10, (ROWS, 5)), padding])


def constant_row_normalised():
    train(nn.Sequential(Normalise(), nn.Linear(4, 3)), plant=row(1.0))


def one_row_spoils_all():
    train(nn.Sequential(Centre(), nn.Linear(4, 3)), plant=row(3e38))


def loss_in_the_script():
    def loss(output, target):
        return -torch.log(output.pow(2).sum(1)).mean()

    train(nn.Sequential(nn.Linear(4, 3, bias=False)), loss, plant=row(0.0))


def gradient_of_the_loss_in_the_script():
    def loss(output, target):
        return output.pow(2).sum(1).sqrt().mean()

    train(nn.Sequential(nn.Linear(4, 3, bias=False)), loss, plant=row(0.0))


def bad_target():
    def loss(output, target):
        target = target.float()
        if calls.__len__() == 6:
            target[BAD] = float("nan")
        calls.append(1)
        return ((output.mean(1) - target) ** 2).mean()

    calls = []
    train(nn.Sequential(nn.Linear(4, 3)), loss)


def embedding_row_never_met_before():
    model = Words()
    with torch.no_grad():
        model.embed.weight[9] = float("nan")

    def plant(batch):
        batch[0][BAD, 2] = 9

    train(model, plant=plant, inputs=[torch.randint(0, 9, (ROWS, 5))])


def accumulated():
    model = head(nn.Linear(4, 8))
    optimizer = torch.optim.Adam(model.parameters())
    for step in range(4):
        optimizer.zero_grad()
        for micro in range(4):
            x = torch.randn(ROWS, 4)
            if (step, micro) == (2, 1):
                x[5] = float("nan")
            (cross_entropy(model(x), torch.zeros(ROWS, dtype=torch.long)) / 4).backward()
        optimizer.step()


def siamese():
    model = head(nn.Linear(4, 8, bias=False), SquareRoot())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for step in range(6):
        a, b = torch.randn(ROWS, 4), torch.randn(ROWS, 4)
        if step == 4:
            b[BAD] = 0.0
        optimizer.zero_grad()
        (model(a) - model(b)).pow(2).mean().backward()
        optimizer.step()


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.log = nn.Linear(4, 4, bias=False), Logarithm()

    def forward(self, z):
        return self.log(self.body(z))


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 1)

    def forward(self, x):
        return self.body(x)


def adversarial():
    generator, critic = Generator(), Critic()
    first = torch.optim.Adam(critic.parameters())
    second = torch.optim.Adam(generator.parameters())
    bce = nn.functional.binary_cross_entropy_with_logits
    for step in range(6):
        z = torch.randn(ROWS, 4)
        if step == 4:
            z[BAD] = 0.0
        fake = generator(z)
        first.zero_grad()
        real = bce(critic(torch.randn(ROWS, 4)), torch.ones(ROWS, 1))
        (real + bce(critic(fake.detach()), torch.zeros(ROWS, 1))).backward()
        first.step()
        second.zero_grad()
        bce(critic(fake), torch.ones(ROWS, 1)).backward()
        second.step()


def scaled_steps_skipped():
    """A GradScaler that skips two steps does its work; nothing is to be told."""
    scaled(2)


def scaled_steps_all_skipped():
    scaled(6)


def scaled(bad_steps):
    model = head(nn.Linear(4, 8, bias=False), SquareRoot())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    scaler = torch.amp.GradScaler("cpu")
    for step in range(10):
        x = torch.randn(ROWS, 4)
        if 2 <= step < 2 + bad_steps:
            x[BAD] = 0.0
        optimizer.zero_grad()
        scaler.scale(cross_entropy(model(x), torch.arange(ROWS) % 3)).backward()
        scaler.step(optimizer)
        scaler.update()


def compiled():
    model = torch.compile(head(nn.Linear(4, 8, bias=False), Logarithm()), backend="eager")
    train(model, plant=row(0.0))


def without_a_module():
    weight = torch.randn(4, 3, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.1)
    for step in range(5):
        x = torch.randn(ROWS, 4)
        if step == 3:
            x[BAD] = float("nan")
        optimizer.zero_grad()
        (x @ weight).pow(2).mean().backward()
        optimizer.step()


def healthy():
    train(head(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5)), steps=40)


CASES = {
    f.__name__: f
    for f in list(globals().values())
    if callable(f) and getattr(f, "__module__", "") == "__main__" and not isinstance(f, type)
    if f.__name__ not in ("train", "row", "head", "scaled")
}


class Told(sessions.Session):
    """A session that keeps what was told of faults, the training's and the probe's."""

    def __init__(self, attempt):
        super().__init__(attempt)
        self.told = []

    def event(self, kind, **data):
        if kind in ("non-finite", "fault"):
            self.told.append({"kind": kind, **data})


if __name__ == "__main__":
    torch.set_num_threads(1)
    session = Told(sys.argv[1])
    probe = torch_hooks.arm(torch, session)
    for name, case in CASES.items():
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            continue
        torch.manual_seed(0)
        try:
            case()
            line = json.dumps({"case": name, "told": session.told})
        except BaseException as error:
            line = json.dumps({"case": name, "told": session.told, "error": repr(error)})
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        os._exit(0)
