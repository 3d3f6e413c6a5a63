"""A line read by the form of an earlier one says what it would have said by itself."""

import itertools
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labhand.kit.lines import Lines, Printed

WORDS = st.sampled_from(
    "step epoch loss acc Epoch iter batch val test lr top-5 acc1 f1 train_loss time eta nan inf -inf "
    "it/s tok/s seed [INFO] INFO Step: Train Val: GPU size Accuracy: s:1 trl e 1e mAP50 x T Z rank "
    "iteration learn: test: Test Epoch: | - / --- Loss: Average set: (train) remaining total of".split()
)
JOINTS = st.sampled_from(
    " |: |=|:|, | - |/| / |[|] |(|) |  |\t| | |-|.|,|%|% |ms, |k |e-0|e+|_|x".split("|")
)
DIGITS = st.integers(0, 99_999).map(str) | st.sampled_from(["0", "00", "1", "07", "2024", "12"])


HEADS = st.sampled_from(
    "step 0|iter 0:|epoch 0|Epoch 0/0|epoch 0 step 0/0|[0/0]|[0]|0:|step:0/0|Train: 0 [ 0/0 (0%)]|"
    "0-0-0 0:0:0 - INFO - step 0|[0:0:0] Epoch 0:|Val:|batch 0/0|s:0|Epoch: [0][0/0]|"
    "Train Epoch: 0 [0/0 (0%)]|iteration 0/ 0 |Epoch(train) [0][0/0]|0/0 [====>] -|step -0|".split(
        "|"
    )
)
PAIRS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from("loss acc val_loss lr Train-Loss f1 ppl time acc1 top-5 seed".split()),
    st.sampled_from([" ", ": ", "=", ":", " = "]),
    st.sampled_from(
        ["0", "0.0", "-0.0", "0.0e-05", ".0", "+0", "nan", "0.0%", "0.0k", "0,0", "0_0"]
    ),
    st.sampled_from(["", ",", " |", ";", " (0.0)", "s", "/0"]),
)
PARTS = st.lists(WORDS | JOINTS | JOINTS | st.just("0") | st.just("0.0"), min_size=2, max_size=14)
SHAPES = PARTS.map("".join) | st.builds(
    lambda head, pairs: " ".join([head, *pairs]), HEADS, st.lists(PAIRS, min_size=1, max_size=4)
)
SLOT = re.compile(r"(?<![A-Za-z\d])0(?!\d)")


@st.composite
def streams(draw: Any) -> bytes:
    """Lines of a few shapes, each several times with other digits, in any order."""
    lines = []
    for shape in draw(st.lists(SHAPES, min_size=1, max_size=3)):
        for _ in range(draw(st.integers(3, 7))):
            lines.append(SLOT.sub(lambda _: draw(DIGITS), shape))
    return "\n".join([*draw(st.permutations(lines)), ""]).encode()


def told(data: bytes, *, by_form: bool) -> list[str]:
    lines = Lines(clock=itertools.count().__next__)
    if not by_form:
        lines._forms.learn = lambda raw, memory: None  # type: ignore[method-assign]
    return [repr(printed) for printed in [*lines.feed(data), *lines.close()]]


@settings(max_examples=400)
@given(streams())
@example(
    b"epoch 0 step 3/10 loss 0.5\nepoch 0 step 4/10 loss 0.5\nepoch 1 step 1/10 loss 0.25\n" * 3
)
@example(b"step 1 loss 1e400\nstep 2 loss 2e400\nstep 3 loss 0e400\n")
@example(b"loss: 12:30\nloss: 12:31\nloss: 1:3\nloss: 123:456\nloss: 12:34\n" * 2)
def test_any_stream_of_lines_that_come_again_says_the_same_either_way(data: bytes) -> None:
    assert told(data, by_form=True) == told(data, by_form=False)


TALKATIVE = [
    "step {n} loss {a} acc {b}",
    "iter {n}: loss {a}, time 93.12ms, mfu 1.20%",
    "step {n}: train loss {a}, val loss {b}",
    "[{n}]\ttrain-rmse:{a}\teval-rmse:{b}",
    "2024-01-01 12:00:{s:02d},123 - INFO - step {n} - loss: {a} - throughput: {s}.5k tok/s",
    "Epoch {e} | step {n}/5000 | loss {a} | lr {b}e-05",
    "Train Epoch: {e} [{n}/60000 ({s}%)]\tLoss: {a}",
    "epoch {e} batch {s}/469 loss {a} acc {b}",
    "Epoch: {e} | Train Loss: {a} | Val Acc: {b}",
    " iteration {n:8d}/ 9999999 | elapsed time per iteration (ms): 123.4 | lm loss: {a} | grad norm: {b} |",
    "step={n} loss=nan accuracy={b}",
    "loss: {a} acc: {b}",
]


@pytest.mark.parametrize("line", TALKATIVE)
def test_lines_that_come_again_are_read_by_their_form_and_say_the_same(line: str) -> None:
    text = "".join(
        line.format(n=n, e=1 + n // 50, s=n % 60, a=f"{1 / (n + 1):.4f}", b=f"{n / 7:.3f}") + "\n"
        for n in range(200)
    ).encode()
    lines = Lines()
    slow: list[Printed | None] = []
    read = lines.line
    lines.line = lambda text: slow.append(read(text)) or slow[-1]  # type: ignore[method-assign]
    found = [repr(printed) for printed in lines.feed(text)]
    assert found == told(text, by_form=False)
    assert len(found) == 200
    assert len(slow) < 100
