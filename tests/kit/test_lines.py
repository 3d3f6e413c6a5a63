"""Metrics out of what a script prints: exactly what was printed, and nothing else."""

import itertools
import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labhand.kit.lines import LONGEST, Lines, Numbering, Printed


def read(text: str) -> list[Printed]:
    seconds = iter(range(10**9))
    lines = Lines(clock=lambda: float(next(seconds)))
    return [*lines.feed(text.encode()), *lines.close()]


def one(text: str) -> Printed:
    found = read(text)
    assert len(found) == 1, found
    return found[0]


def same(found: dict[str, float], expected: dict[str, float]) -> bool:
    return found.keys() == expected.keys() and all(
        math.isnan(found[k]) if math.isnan(v) else found[k] == v for k, v in expected.items()
    )


numbers = st.one_of(
    st.floats(-1e6, 1e6).map(lambda x: f"{x:.4f}"),
    st.floats(1e-8, 1e8).map(lambda x: f"{x:.3e}"),
    st.sampled_from(["nan", "inf", "-inf", "0.0"]),
)
positive = st.floats(1e-6, 1e5).map(lambda x: f"{x:.4f}")
steps = st.integers(0, 10**7)

# each: the text, then step, epoch and values as they must be found
FORMATS = {
    "nanogpt iter": lambda n, a, b: (
        f"iter {n}: loss {a}, time 93.12ms, mfu 1.20%",
        n, None, {"loss": a, "time": "93.12", "mfu": "1.20"},
    ),
    "nanogpt step": lambda n, a, b: (
        f"step {n}: train loss {a}, val loss {b}", n, None, {"train_loss": a, "val_loss": b},
    ),
    "modded nanogpt": lambda n, a, b: (
        f"step:{n}/99999999 val_loss:{a} train_time:12345ms step_avg:123.45ms",
        n, None, {"val_loss": a, "train_time": "12345", "step_avg": "123.45"},
    ),
    "hf old": lambda n, a, b: (
        f"{{'loss': {a}, 'grad_norm': {b}, 'learning_rate': 5e-05, 'epoch': 0.25}}",
        None, 0.25, {"loss": a, "grad_norm": b, "learning_rate": "5e-05"},
    ),
    "hf new": lambda n, a, b: (
        f"{{'loss': '{a}', 'grad_norm': '{b}', 'learning_rate': '5e-05', 'epoch': '0.25'}}",
        None, 0.25, {"loss": a, "grad_norm": b, "learning_rate": "5e-05"},
    ),
    "hf eval": lambda n, a, b: (
        f"{{'eval_loss': {a}, 'eval_accuracy': {b}, 'eval_runtime': 1.5, 'epoch': 1.0}}",
        None, 1.0, {"eval_loss": a, "eval_accuracy": b, "eval_runtime": "1.5"},
    ),
    "fairseq": lambda n, a, b: (
        f'2023-05-01 10:00:00 | INFO | train_inner | {{"epoch": 1, "loss": "{a}", "ppl": "{b}", "num_updates": "{n}"}}',
        n, 1.0, {"loss": a, "ppl": b},
    ),
    "megatron": lambda n, a, b: (
        f" iteration {n:8d}/ 9999999 | elapsed time per iteration (ms): 123.4 | learning rate: 1.5E-04 | lm loss: {a} | grad norm: {b} |",
        n, None, {"elapsed_time_per_iteration": "123.4", "learning_rate": "1.5e-4", "lm_loss": a, "grad_norm": b},
    ),
    "xgboost": lambda n, a, b: (
        f"[{n}]\ttrain-rmse:{a}\teval-rmse:{b}", n, None, {"train-rmse": a, "eval-rmse": b},
    ),
    "lightgbm": lambda n, a, b: (
        f"[{n}]\ttraining's rmse: {a}\tvalid_1's rmse: {b}",
        n, None, {"training's_rmse": a, "valid_1's_rmse": b},
    ),
    "catboost": lambda n, a, b: (
        f"{n}:\tlearn: {a}\ttest: {b}\tbest: 0.6123 (10)\ttotal: 12.1ms\tremaining: 1.1s",
        n, None, {"learn": a, "test": b},
    ),
    "histogram boosting": lambda n, a, b: (
        f"[{n}/99999999] 1 tree, 31 leaves, max depth = 9, train loss: {a}, val loss: {b}, in 0.012s",
        n, None, {"train_loss": a, "val_loss": b},
    ),
    "json line": lambda n, a, b: (
        f'{{"step": {n}, "loss": "{a}", "val": {{"acc": "{b}"}}}}', n, None, {"loss": a, "val/acc": b},
    ),
    "scikit-learn mlp": lambda n, a, b: (f"Iteration {n}, loss = {a}", n, None, {"loss": a}),
    "colons": lambda n, a, b: (
        f"epoch 3/10, step {n}/99999999: loss: {a}, acc: {b}", n, 3.0, {"loss": a, "acc": b},
    ),
    "equals": lambda n, a, b: (f"step={n} loss={a} accuracy={b}", n, None, {"loss": a, "accuracy": b}),
    "bars": lambda n, a, b: (
        f"Epoch: 4 | Train Loss: {a} | Val Acc: {b}", None, 4.0, {"train_loss": a, "val_acc": b},
    ),
    "logging": lambda n, a, b: (
        f"2024-01-01 12:00:00,123 - INFO - step {n} - loss: {a} - throughput: 12.5k tok/s",
        n, None, {"loss": a, "throughput": "12500"},
    ),
    "bracket": lambda n, a, b: (f"[{n}/99999999] loss: {a} f1: {b}", n, None, {"loss": a, "f1": b}),
    "llm.c": lambda n, a, b: (f"s:{n} trl:{a}", n, None, {"train_loss": a}),
    "detectron2": lambda n, a, b: (
        f"[04/01 12:00:00 d2.utils.events]:  eta: 1:23:45  iter: {n}  total_loss: {a}  loss_cls: {b}  time: 0.25  lr: 0.001  max_mem: 3000M",
        n, None, {"total_loss": a, "loss_cls": b, "time": "0.25", "lr": "0.001"},
    ),
    "optuna": lambda n, a, b: (
        f"[I 2024-01-01 12:00:00,000] Trial {n} finished with value: {a} and parameters: {{'x': 1.2}}. Best is trial 0 with value: {b}.",
        n, None, {"value": a},
    ),
    "heading": lambda n, a, b: (f"Val: loss={a} acc={b}", None, None, {"val/loss": a, "val/acc": b}),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
@given(n=steps, a=numbers, b=numbers)
@example(n=0, a="nan", b="-inf")
def test_what_a_format_says_is_found_exactly(form: str, n: int, a: str, b: str) -> None:
    text, step, epoch, values = FORMATS[form](n, a, b)
    found = one(text)
    assert (found.step, found.epoch) == (step, epoch)
    assert same(found.values, {k: float(v) for k, v in values.items()})


@given(a=positive, b=positive, epoch=st.integers(1, 50), n=st.integers(1, 469))
def test_bars_tell_a_step_that_runs_over_the_epochs(a: str, b: str, epoch: int, n: int) -> None:
    running = (epoch - 1) * 469 + n
    bars = {
        f"Epoch {epoch}: 45%|████▌     | {n}/469 [00:10<00:12, 44.1it/s, loss={a}, acc={b}]": ("loss", "acc"),
        f"Epoch {epoch}: 50%|█████     | {n}/469 [00:05<00:05, 45.30it/s, v_num=0, loss={a}, val_acc={b}]": ("loss", "val_acc"),
        f"Epoch {epoch}/50 ━━━━━━━━ {n}/469 0:00:05 • 0:00:05 45.30it/s v_num: 0.000 loss: {a} acc: {b}": ("loss", "acc"),
        f"Epoch {epoch}/50\n{n}/469 ━━━━━━━━━━━━━━━━━━━━ 2s 4ms/step - loss: {a} - accuracy: {b}": ("loss", "accuracy"),
        f"Epoch {epoch}/50\n{n}/469 [=====>......] - ETA: 3s - loss: {a} - accuracy: {b}": ("loss", "accuracy"),
        f"2023/04/01 12:00:00 - mmengine - INFO - Epoch(train)  [{epoch}][{n:4d}/469]  lr: 1.0e-02  eta: 1:23:45  memory: 3000  loss: {a}  acc: {b}": ("lr", "loss", "acc"),
        f"epoch {epoch} batch {n}/469 loss {a} acc {b}": ("loss", "acc"),
    }  # fmt: skip
    for text, names in bars.items():
        found = one(text)
        expected = dict(
            zip(names, ([1e-2] if names[0] == "lr" else []) + [float(a), float(b)], strict=True)
        )
        assert found.step == running, text
        assert found.values == expected, text


@given(st.integers(1, 5), st.integers(0, 59), positive)
def test_the_mnist_example_counts_its_samples(epoch: int, k: int, a: str) -> None:
    text = f"Train Epoch: {epoch} [{k * 640}/60000 ({k}%)]\tLoss: {a}\n"
    text += f"Test set: Average loss: {a}, Accuracy: 9800/10000 (98%)\n"
    train, test = read(text)
    assert train == Printed((epoch - 1) * 60000 + k * 640, epoch, {"train/loss": float(a)})
    assert test.step is None
    assert test.values == {"test/loss": float(a), "test/accuracy": 0.98}


def test_timm_counts_epochs_from_zero() -> None:
    text = "Train: {} [  50/1251 (  4%)]  Loss: 6.91 (6.93)  Time: 0.412s, 2500.10/s  (0.500s, 2400/s)  LR: 1.0e-05  Data: 0.010 (0.020)\n"
    first, second = read(text.format(0) + text.format(1))
    assert (first.step, second.step) == (50, 1301)
    assert first.values == {"loss": 6.91, "time": 0.412, "LR": 1e-5, "data": 0.01}
    test = one("Test: [  10/78]  Time: 0.1 (0.2)  Loss:  0.9012 (0.95)  Acc@1: 80.1 (79.9)")
    assert test.step is None
    assert test.values == {"test/time": 0.1, "test/loss": 0.9012, "test/acc@1": 80.1}


TABLES = {
    "gradient boosting": (
        "      Iter       Train Loss      OOB Improve   Remaining Time \n"
        "         1           1.2345           0.1234            1.23s\n"
        "         2           1.1345           0.0234            1.20m\n",
        [(1, {"train_loss": 1.2345, "OOB_improve": 0.1234}), (2, {"train_loss": 1.1345, "OOB_improve": 0.0234})],
    ),
    "stable baselines": (
        "-----------------------------------\n| rollout/            |           |\n|    ep_rew_mean      | 22.2      |\n"
        "| time/               |           |\n|    total_timesteps  | 2048      |\n-----------------------------------\n",
        [(2048, {"rollout/ep_rew_mean": 22.2, "time/total_timesteps": 2048.0})],
    ),
    "yolo": (
        "      Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size\n"
        "        2/3      2.61G      1.181      1.302      1.213         22        640: 100%|██████████| 8/8 [00:01<00:00,  5.2it/s]\n"
        "                 Class     Images  Instances      Box(P          R      mAP50  mAP50-95): 100%|██████████| 4/4 [00:01<00:00]\n"
        "                   all        128        929       0.64      0.537      0.605      0.446\n",
        [(16, {"train/box_loss": 1.181, "train/cls_loss": 1.302, "train/dfl_loss": 1.213}),
         (None, {"val/P": 0.64, "val/R": 0.537, "val/mAP50": 0.605, "val/mAP50-95": 0.446})],
    ),
    "own": (
        "epoch     train_loss  valid_loss  accuracy  time\n0         0.5123    0.4123    0.9123  00:12\n",
        [(None, {"train_loss": 0.5123, "valid_loss": 0.4123, "accuracy": 0.9123})],
    ),
    "end summary": (
        "---\nval_bpb:          0.997900\ntraining_seconds: 300.1\npeak_vram_mb:     45060.2\nthen prose: 3\n",
        [(None, {"val_bpb": 0.9979}), (None, {"training_seconds": 300.1}), (None, {"peak_vram_mb": 45060.2})],
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", TABLES)
def test_tables_are_read_by_the_line_of_names_above(form: str) -> None:
    text, expected = TABLES[form]
    assert [(p.step, p.values) for p in read(text)] == expected


def test_scikit_learns_own_words_are_understood(capfd: pytest.CaptureFixture[str]) -> None:
    from sklearn.datasets import make_regression
    from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor

    x, y = make_regression(60, 3, random_state=0)
    model = GradientBoostingRegressor(n_estimators=5, verbose=2).fit(x, y)
    found = read(capfd.readouterr().out)
    assert [p.step for p in found] == [1, 2, 3, 4, 5]
    assert [p.values["train_loss"] for p in found] == pytest.approx(
        list(model.train_score_), rel=1e-3
    )
    HistGradientBoostingRegressor(max_iter=3, verbose=2, early_stopping=True, scoring="loss").fit(
        x, y
    )
    found = read(capfd.readouterr().out)
    assert [p.step for p in found] == [1, 2, 3]
    assert all({"train_loss", "val_loss"} == set(p.values) for p in found)


def test_steps_that_start_again_in_each_epoch_go_on_counting() -> None:
    text = "".join(
        f"Epoch [{e}/2], Step [{n}/600], Loss: 0.5\n" for e in (1, 2) for n in (100, 300, 600)
    )
    assert [p.step for p in read(text)] == [100, 300, 600, 700, 900, 1200]
    over_all = "".join(
        f"epoch {e} step {n}/600 loss: 0.5\n" for e, n in ((1, 200), (2, 400), (3, 600))
    )
    assert [p.step for p in read(over_all)] == [200, 400, 600]


NEVER = """
2024-01-01 12:00:00
2026-11-22T21:30:30.828395+00:00 starting
[12:03:55] loading
Python 3.11.4, torch version: 2.13.0
CUDA version: 12.4
torch==2.13.0
Serving on http://127.0.0.1:8080
TensorBoard 2.21.0 at http://localhost:6006/ (Press CTRL+C to quit)
listening on 10.0.0.1:29500
port: 8080
lr: 0.001
learning_rate = 0.001
batch_size = 64
weight_decay: 0.1
dropout: 0.5
seed: 42
Namespace(lr=0.001, loss_weight=0.5, epochs=10)
{'lr': 0.001, 'batch_size': 64, 'epochs': 10}
TrainingArguments(learning_rate=0.1, loss_scale=2.0)
input shape: (64, 128)
x: torch.Size([64, 10])
commit: 3e5f2a
sha256: 12e4567
Loaded 1000 samples in 3.2s
number of parameters: 10.65M
tokens per iteration will be: 491,520
found vocab_size = 65 (inside data/meta.pkl)
num decayed parameter tensors: 26, with 10,740,096 parameters
ETA: 12s
Downloading:  45%|████▌     | 4/10 [00:01<00:02, 3.2it/s]
 10%|█         | 50/500 [00:10<01:30,  5.0it/s]
  File "train.py", line 10, in <module>
UserWarning: loss: 3.0 is large
train.py:31: UserWarning: loss: 3.0 is large
WARNING: loss is high: 3.5
ERROR:root:loss: 3.5
[[0.1, 0.2], [0.3, 0.4]]
tensor([0.1, 0.2])
loss: tensor(0.5, device='cuda:0')
loss: [0.1, 0.2]
memory: 3.2GB
GPU mem: 3000
Accuracy improved by 3%
    loss = 0.5 * x
if loss > 0.5: return 3
>>> loss = 0.5
loss_fn: 3
model saved to out/loss-0.5/ckpt_3.pt
elapsed: 0:12:33
time: 12:03:55
date: 2024-01-01
loss: 1.2.3
accuracy: 3/4
Epoch 3/10
step 3 of 10: downloading part 5
Set the environment variable HYDRA_FULL_ERROR=1 for a complete stack trace.
CUDA_LAST_ERROR=0
"""


@pytest.mark.parametrize("line", NEVER.strip("\n").split("\n"))
def test_what_is_no_metric_is_never_taken_for_one(line: str) -> None:
    assert read(line + "\n") == []


@given(
    st.datetimes().map(str)
    | st.datetimes().map(lambda d: f"{d:%Y/%m/%d %H:%M:%S}")
    | st.times().map(str)
    | st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)).map(
        lambda v: ".".join(map(str, v))
    )
    | st.ip_addresses(v=4).map(str)
    | st.uuids().map(str)
    | st.binary(min_size=8, max_size=20).map(lambda b: b.hex()),
    st.sampled_from(["{}", "[{}]", "time: {}", "loss: {}", "version={}", "at {} loss", "acc={}"]),
)
def test_times_versions_addresses_and_hashes_are_never_metrics(text: str, form: str) -> None:
    # a run of digits, or digits with an e, is a number, whatever it was meant to be
    if not re.fullmatch(r"\d+(e\d+)?", text):
        assert read(form.format(text) + "\n") == []


def test_a_traceback_holds_no_metric_and_what_follows_does() -> None:
    text = (
        "loss: 0.5\nTraceback (most recent call last):\n  File \"t.py\", line 3, in f\n"
        "    loss: 0.7\nValueError: loss: 0.9\nloss: 0.4\n"
    )  # fmt: skip
    assert [p.values for p in read(text)] == [{"loss": 0.5}, {"loss": 0.4}]


@pytest.mark.parametrize(
    ("text", "value"),
    [("93ms", 93), ("1.2s", 1.2), ("98%", 98), ("1.5e-3", 1.5e-3), ("12.5k tok/s", 12500),
     ("inf", math.inf), ("-inf", -math.inf), (".5", 0.5), ("+3.0", 3), ("1_000", 1000)],
)  # fmt: skip
def test_units_are_stripped_right(text: str, value: float) -> None:
    assert one(f"step 3 loss: {text}").values == {"loss": value}


def test_colours_and_a_terminal_line_end_do_not_matter() -> None:
    assert one("\x1b[32mstep 3\x1b[0m | \x1b[1mloss: 0.5\x1b[0m\r\n").values == {"loss": 0.5}


def test_of_a_bar_one_state_a_second_is_told_and_the_last() -> None:
    now = [0.0]
    lines = Lines(clock=lambda: now[0])
    bar = "\r{0}%|█| {0}/100 [00:01<00:01, 9.9it/s, loss=0.{0:03d}]"
    found = []
    for n in range(101):
        now[0] = n / 10
        found += lines.feed(bar.format(n).encode())
    found += lines.feed(b"\n")
    told = [p.step for p in found]
    assert told[0] == 0 and told[-1] == 100
    assert all(10 <= b - a <= 11 for a, b in itertools.pairwise(told[:-1]))


def test_the_last_state_of_a_bar_is_the_last_that_is_told() -> None:
    lines = Lines(clock=lambda: 0.0)
    bar = "\r{0}%|█| {0}/100 [00:01<00:01, 9.9it/s, loss=0.{0:03d}]"
    text = "".join(bar.format(n) for n in (0, 50, 90, 100)) + "\nsaved\n"
    found = [*lines.feed(text.encode()), *lines.close()]
    assert [p.step for p in found] == [0, 100]


def test_a_bar_that_another_line_ends_still_tells_its_last_state() -> None:
    lines = Lines(clock=lambda: 0.0)
    bar = "\r{0}%|█| {0}/100 [00:01<00:01, 9.9it/s, loss=0.{0:03d}]"
    found = lines.feed((bar.format(0) + bar.format(90) + "\rinterrupted\n").encode())
    assert [p.step for p in found] == [0, 90]


@given(st.binary(max_size=400))
@example(b"\r\r\n\x1b[\xff loss: \xff1")
def test_any_bytes_are_taken(data: bytes) -> None:
    lines = Lines()
    for printed in [*lines.feed(data), *lines.close()]:
        assert printed.values


TEXT = "\n".join([FORMATS[f](7, "0.5", "0.25")[0] for f in FORMATS] + NEVER.split("\n"))
TEXT += "\r\n\x1b[31mloss: 3.0\x1b[0m\r\n" + "".join(t for t, _ in TABLES.values())


@given(st.lists(st.integers(0, len(TEXT.encode())), max_size=30))
def test_how_the_bytes_are_cut_does_not_matter(cuts: list[int]) -> None:
    data = TEXT.encode()
    edges = [0, *sorted(cuts), len(data)]
    lines = Lines(clock=lambda: 0.0)
    found = [p for a, b in itertools.pairwise(edges) for p in lines.feed(data[a:b])]
    found += lines.close()
    whole = Lines(clock=lambda: 0.0)
    assert found == [*whole.feed(data), *whole.close()]


def test_a_line_without_end_is_bounded() -> None:
    lines = Lines()
    for _ in range(100):
        assert lines.feed(b"loss: 0.5 " * 1000) == []
    assert len(lines._rest) <= LONGEST
    assert [p.values for p in lines.feed(b"\nloss: 0.25\n")][-1] == {"loss": 0.25}


def test_what_has_no_step_is_numbered_by_the_last_step_the_epoch_or_the_count() -> None:
    numbering = Numbering()
    assert [numbering.step(p) for p in read("loss: 3.0\nloss: 2.0\n")] == [0, 1]
    numbering = Numbering()
    assert [numbering.step(p) for p in read("epoch 1 loss: 3.0\nepoch 2 loss: 2.0\n")] == [1, 2]
    numbering = Numbering()
    assert [numbering.step(p) for p in read("step 40 loss: 3.0\ntest loss: 2.0\n")] == [40, 40]


def test_fractions_of_epochs_are_counted_once_each_and_in_order() -> None:
    told = "{{'loss': 0.5, 'epoch': {0}}}\n{{'eval_loss': 0.5, 'epoch': {0}}}\n"
    text = "".join(told.format(epoch) for epoch in (0.5, 1.0, 1.5, 2.0))
    numbering = Numbering()
    assert [numbering.step(p) for p in read(text)] == [0, 0, 1, 1, 2, 2, 3, 3]


def test_what_is_printed_and_logged_is_told_once() -> None:
    line = "step {0}: loss {1}\n"
    once = [line.format(n, v) for n, v in enumerate(("0.5", "0.5", "nan", "inf"))]
    for order in ([two for one in once for two in (one, one)], once * 2):
        numbering = Numbering()
        rows = [numbering.row(p) for p in read("".join(order))]
        told = [(step, str(values["loss"])) for step, values in rows if values]
        assert told == [(0, "0.5"), (1, "0.5"), (2, "nan"), (3, "inf")]
    again = [numbering.row(p) for p in read("step 3: loss 0.25\nloss: 0.25\nloss: 0.25\n")]
    assert again == [(3, {"loss": 0.25})] * 3


def test_a_number_in_brackets_before_the_values_is_the_step():
    lines = Lines()
    told = lines.feed(b"[7] train loss: 0.5, val loss: 0.75\n[8] train loss: 0.25, val loss: 0.5\n")
    assert [printed.step for printed in told] == [7, 8]
    assert told[0].values == {"train_loss": 0.5, "val_loss": 0.75}


@pytest.mark.parametrize(
    ("text", "epoch", "values"),
    [
        ("エポック 1: 損失 = 1.5, 精度 = 0.12", 1, {"損失": 1.5, "精度": 0.12}),
        ("step 3: потери=0.5 точность=0.9", None, {"потери": 0.5, "точность": 0.9}),
        ("Epoch 2：loss＝0.5，准确率：0.9", 2, {"loss": 0.5, "准确率": 0.9}),
        ("Époque 4 - perte: 0.5", 4, {"perte": 0.5}),
    ],
)
def test_metrics_may_be_named_in_any_alphabet(text, epoch, values) -> None:
    printed = one(text)
    assert (printed.epoch, printed.values) == (epoch, values)
