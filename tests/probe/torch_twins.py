"""Trainings that print every bit they end with; run by tests, with the probe and without it."""

import hashlib
import json
import os
import random
import sys
import warnings

import numpy
import torch
import torch._dynamo
from torch import nn

cross_entropy = nn.functional.cross_entropy


class Noisy(nn.Module):
    """A forward with side effects of every kind: random numbers, buffers, counters, prints."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.drop = nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(0.3)
        self.last = nn.Linear(16, 3)
        self.calls, self.seen, self.floor = 0, [], 1e-3
        self.register_buffer("mean", torch.zeros(8))
        self.plain = torch.zeros(1)

    def forward(self, x):
        self.calls += 1
        self.seen.append(float(x[0, 0]) if self.calls % 10 == 0 else 0.0)
        self.mean.mul_(0.9).add_(0.1 * torch.nan_to_num(x.detach().mean(0)))
        self.plain += 1
        noise = random.random() + numpy.random.rand()
        if self.calls % 10 == 0:
            print("call", self.calls, noise)
        h = torch.relu(self.norm(self.first(x * (1 + 0.01 * noise))))
        return self.last((self.drop(h) + self.floor).sqrt())


def loop(model, optimizer, steps=30, clip=None, micro=1, cast=False, bad=None, closure=False):
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 5, 0.9)
    for step in range(steps):
        optimizer.zero_grad()

        def evaluate(step=step):
            optimizer.zero_grad()
            total = 0.0
            for part in range(micro):
                x = torch.randn(12, 8)
                if step == bad and part == 0:
                    x[4] = float("nan")
                with torch.autocast("cpu", dtype=torch.bfloat16, enabled=cast):
                    loss = cross_entropy(model(x).float(), torch.arange(12) % 3) / micro
                loss.backward()
                total = total + loss
            print(step, float(total))
            return total

        if closure:
            optimizer.step(evaluate)
        else:
            evaluate()
            for p in model.parameters():
                p.grad.nan_to_num_(0, 0, 0)
            if clip:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
        scheduler.step()
    return model, optimizer


def adam(model):
    return torch.optim.AdamW(model.parameters(), lr=1e-2)


def plain():
    return loop(m := Noisy(), adam(m))


def clipped_and_accumulated():
    return loop(m := Noisy(), adam(m), micro=3, clip=0.5)


def mixed_precision():
    return loop(m := Noisy(), adam(m), cast=True)


def line_search():
    m = Noisy()
    return loop(m, torch.optim.LBFGS(m.parameters(), max_iter=3), steps=4, closure=True)


def diagnosed_forward():
    return loop(m := Noisy(), adam(m), bad=7)


def diagnosed_with_accumulation():
    return loop(m := Noisy(), adam(m), bad=7, micro=3, cast=True)


def diagnosed_backward():
    m = Noisy()
    m.floor = 0.0  # the root has no gradient at 0, where the relu leaves half of its inputs
    return loop(m, adam(m))


def compiled():
    m = Noisy()
    inner = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
    m.inner = inner
    return loop(torch.compile(inner, backend="eager"), adam(inner), bad=5)


def two_models():
    generator, critic = nn.Linear(4, 8), Noisy()
    first, second = adam(critic), adam(generator)
    for step in range(30):
        fake = generator(torch.randn(12, 4))
        first.zero_grad()
        cross_entropy(critic(fake.detach()), torch.zeros(12, dtype=torch.long)).backward()
        first.step()
        second.zero_grad()
        loss = cross_entropy(critic(fake), torch.ones(12, dtype=torch.long))
        loss.backward()
        print(step, float(loss))
        second.step()
    return nn.ModuleList([generator, critic]), first


class Rows(torch.utils.data.Dataset):
    def __len__(self):
        return 48

    def __getitem__(self, i):
        return torch.randn(8) + i, i % 3


def loader_with_workers():
    model = Noisy()
    optimizer = adam(model)
    loader = torch.utils.data.DataLoader(Rows(), batch_size=12, shuffle=True, num_workers=2)
    for _ in range(3):
        for x, y in loader:
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            print(float(loss))
            optimizer.step()
        model.eval()
        with torch.no_grad():
            print(float(model(torch.ones(4, 8)).sum()))
        model.train()
    return model, optimizer


def bits(model, optimizer):
    """Every bit a training could leave behind."""
    parts = [torch.get_rng_state(), repr(random.getstate()), repr(numpy.random.get_state())]
    parts += [*model.state_dict().values(), *(p.grad for p in model.parameters())]
    for module in model.modules():
        parts.append(
            repr(
                {
                    k: v
                    for k, v in vars(module).items()
                    if k in ("calls", "seen", "plain", "training")
                }
            )
        )
        parts.append(
            repr((module._forward_hooks, module._forward_pre_hooks, module._backward_hooks))
        )
    for state in optimizer.state_dict()["state"].values():
        parts += [v for _, v in sorted(state.items())]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(
            part.numpy().tobytes() if isinstance(part, torch.Tensor) else repr(part).encode()
        )
    return digest.hexdigest()


CASES = [
    plain, clipped_and_accumulated, mixed_precision, line_search, diagnosed_forward,
    diagnosed_with_accumulation, diagnosed_backward, compiled, two_models, loader_with_workers,
]  # fmt: skip


def main(attempt):
    torch.set_num_threads(1)
    session = None
    if attempt:
        from labhand.probe import session as sessions
        from labhand.probe import torch_hooks

        session = sessions.Session(attempt)
        torch_hooks.arm(torch, session)
    for case in CASES:
        sys.stdout.flush()
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            continue
        if session is not None:
            session.forked()
        torch.manual_seed(1)
        random.seed(1)
        numpy.random.seed(1)
        print("case", case.__name__)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            print("bits", bits(*case()))
        sys.stdout.flush()
        if session is not None:
            print(json.dumps([case.__name__, os.getpid()]), file=sys.stderr, flush=True)
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
