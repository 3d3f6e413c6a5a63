"""What a watcher tells of a run, and when it calls a person."""

import itertools
import math
import random
from pathlib import Path

import pytest

from labhand.core.errors import UsageError
from labhand.core.finding import Finding
from labhand.watch import Watcher
from labhand.watch.roles import role
from labhand.watch.signals import Ended, Fact, Output, Points, Signal, Slept, Tick

NOW = 1.7e9


def feed(watcher: Watcher, signals: list[Signal]) -> list[Finding]:
    return [finding for signal in signals for finding in watcher.feed(signal)]


def losses(values: list[float], source: str = "log", name: str = "loss") -> list[Signal]:
    return [Points(NOW + i, source, i, {name: v}) for i, v in enumerate(values)]


def of(watcher: Watcher, rule: str) -> list[Finding]:
    return [f for f in watcher.findings().findings if f.rule == rule]


def test_a_nan_loss_is_confirmed_at_once_and_an_alarm_when_it_stays() -> None:
    watcher = Watcher("brisk-otter", 1)
    first, second = feed(watcher, losses([2.0, 1.5, math.nan, math.nan, math.nan]))
    assert (first.state, first.alarm, first.opened_step, first.confirmed_step) == (
        "confirmed",
        False,
        2,
        2,
    )
    assert (second.id, second.alarm, second.severity) == (first.id, True, "error")
    assert second.where.run == "brisk-otter" and second.where.attempt == 1
    assert second.where.metric == "loss" and second.where.step == 2
    assert second.where.time is not None
    watcher.close()
    assert [f.state for f in watcher.findings().findings] == ["closed"]


def test_an_incident_that_goes_on_is_not_told_again() -> None:
    watcher = Watcher(None, None)
    assert len(feed(watcher, losses([2.0] * 5 + [math.nan] * 500))) == 2
    (found,) = of(watcher, "non-finite")
    assert found.evidence.items() >= {"metrics": {"loss": 5}, "rows": 500}.items()


def test_workers_that_end_by_one_error_without_end_are_an_alarm_before_the_run_ends() -> None:
    def died(seconds: float, why: str = "no fork here") -> Signal:
        return Fact(NOW + seconds, "exception", {"type": "RuntimeError", "message": why})

    watcher = Watcher(None, None)
    (found, *_) = feed(watcher, [died(8 * n) for n in range(9)])
    assert found.rule == "crashed" and found.alarm and "5 processes" in found.message
    together = [died(0.1 * n) for n in range(9)]
    others = [died(8 * n, f"worker {n}") for n in range(9)]
    stepping = [s for n in range(9) for s in (died(8 * n), *losses([2.0] * (n + 1))[n:])]
    for quiet in (together, others, stepping):
        assert feed(Watcher(None, None), quiet) == []


def test_a_single_nan_loss_recovers_without_an_alarm() -> None:
    watcher = Watcher(None, None)
    feed(watcher, losses([2.0] * 5 + [math.nan] + [2.0] * 10))
    (found,) = of(watcher, "non-finite")
    assert (found.state, found.alarm, found.recovered_step) == ("recovered", False, 10)


def test_infinite_gradients_of_mixed_precision_are_no_alarm_and_lasting_ones_are() -> None:
    watcher = Watcher(None, None)
    norms = [math.inf] * 12 + [1.0, 2.0] * 30 + [math.inf] + [1.0] * 20
    feed(watcher, [Points(NOW + i, "probe", i, {"probe/loss": 2.0, "probe/grad_norm": v}) for i, v in enumerate(norms)])  # fmt: skip
    (found,) = of(watcher, "non-finite")
    assert (found.severity, found.alarm, found.state) == ("note", False, "recovered")
    feed(
        watcher,
        [Points(NOW + i, "probe", i, {"probe/grad_norm": math.inf}) for i in range(100, 130)],
    )
    (found,) = of(watcher, "non-finite")
    assert (found.severity, found.alarm) == ("error", True)


def test_a_metric_that_is_nan_by_definition_is_no_alarm() -> None:
    watcher = Watcher(None, None)
    values = [math.nan if i % 3 else 0.5 for i in range(60)]
    feed(watcher, losses(values, name="train/positive_recall"))
    feed(watcher, losses([math.nan] * 60, name="temperature"))
    assert all(f.severity == "note" and not f.alarm for f in of(watcher, "non-finite"))


def test_the_probe_names_the_layer_and_the_rows() -> None:
    watcher = Watcher(None, None)
    data = {
        "step": 7, "what": "loss", "first": {"layer": "blocks.2.norm", "kind": "forward", "class": "LayerNorm"},
        "batch_rows": [3, 11], "batch_rows_total": 32, "bounded": False, "note": "",
    }  # fmt: skip
    (opened,) = watcher.feed(Fact(NOW, "non-finite", data))
    assert opened.where.layer == "blocks.2.norm" and opened.where.batch_rows == [3, 11]
    assert "`blocks.2.norm` (LayerNorm) in the forward pass" in opened.message
    assert "rows 3, 11 of the batch of 32" in opened.message
    row = {"loss": math.nan}
    later = feed(watcher, [Points(NOW, "log", 7, row), Points(NOW, "log", 8, row)])[-1]
    assert later.id == opened.id and later.alarm and later.where.layer == "blocks.2.norm"


def test_a_bad_gradient_explains_the_loss_that_follows() -> None:
    watcher = Watcher(None, None)
    data = {
        "step": 7,
        "what": "gradient",
        "first": {"layer": "head", "kind": "backward", "class": "Linear"},
    }
    (suspected,) = watcher.feed(Fact(NOW, "non-finite", data))
    assert (suspected.state, suspected.severity, suspected.alarm) == ("suspected", "note", False)
    row = {"loss": math.nan, "grad_norm": math.nan}
    found = feed(watcher, [Points(NOW, "log", 8, row), Points(NOW, "log", 9, row)])
    assert found[-1].alarm and found[-1].where.layer == "head" and found[-1].where.metric == "loss"
    (whole,) = watcher.findings().findings
    assert whole.id == suspected.id and whole.evidence["metrics"] == {"loss": 8, "grad_norm": 8}
    assert "in the backward pass of step 7" in whole.message


def test_a_bad_gradient_that_spoiled_nothing_explains_no_later_loss() -> None:
    watcher = Watcher(None, None)
    data = {"step": 7, "what": "gradient", "first": {"layer": "head", "kind": "backward"}}
    watcher.feed(Fact(NOW + 7, "non-finite", data))
    values = [2.0] * 40 + [math.nan] * 3
    feed(watcher, losses(values, source="probe", name="probe/loss")[8:])
    suspected, found = of(watcher, "non-finite")
    assert (suspected.severity, suspected.alarm) == ("note", False)
    assert found.alarm and found.where.layer is None


SPOILT = {
    "train/loss": math.nan,
    "val/loss": math.nan,
    "grad_norm": math.inf,
    "weight_norm": math.nan,
}


@pytest.mark.parametrize("order", list(itertools.permutations(SPOILT)))
def test_one_bad_batch_is_one_incident_in_whatever_order_its_metrics_come(
    order: tuple[str, ...],
) -> None:
    watcher = Watcher(None, None)
    for step in range(30):
        for n, name in enumerate(order):
            value = SPOILT[name] if step >= 20 else 1 / (1 + step)
            watcher.feed(Points(NOW + step + n / 10, "log", step, {name: value, "lr": 0.1}))
    (found,) = watcher.findings().findings
    assert found.alarm and found.where.metric == "train/loss"
    assert found.evidence["metrics"] == dict.fromkeys(SPOILT, 20)
    assert found.message == "`train/loss` is NaN from step 20 on"


def test_a_loss_and_what_suffers_with_it_pass_by_together() -> None:
    watcher = Watcher(None, None)
    for step in range(40):
        bad = math.nan if 20 <= step < 23 else 1.0
        watcher.feed(Points(NOW + step, "log", step, {"loss": bad, "accuracy": bad}))
    (found,) = watcher.findings().findings
    assert (found.state, found.recovered_step) == ("recovered", 27)


def test_a_bad_validation_loss_takes_its_fellows_along_and_the_training_takes_both() -> None:
    watcher = Watcher(None, None)
    for step in range(40):
        bad = math.nan if step >= 20 else 1.0
        watcher.feed(
            Points(NOW + step, "log", step, {"val/loss": bad, "val/f1": bad, "val/acc": bad})
        )
    (found,) = watcher.findings().findings
    assert found.alarm and list(found.evidence["metrics"]) == ["val/loss", "val/f1", "val/acc"]
    feed(watcher, [Points(NOW + i, "log", i, {"loss": math.nan}) for i in (40, 41)])
    (later,) = watcher.findings().findings
    assert later.id == found.id and later.where.metric == "loss" and later.opened_step == 20


def test_a_metric_that_was_undefined_before_is_no_part_of_a_later_incident() -> None:
    watcher = Watcher(None, None)
    for step in range(30):
        row = {"loss": math.nan if step >= 20 else 1.0, "rare/recall": math.nan}
        watcher.feed(Points(NOW + step, "log", step, row))
    undefined, found = watcher.findings().findings
    assert (undefined.severity, undefined.where.metric) == ("note", "rare/recall")
    assert found.evidence["metrics"] == {"loss": 20}


def test_what_is_spoilt_a_little_before_the_loss_is_part_of_its_incident() -> None:
    watcher = Watcher(None, None)
    for step in range(30):
        row = {"train_loss": math.inf if step >= 2 else 1.0, "val_loss": math.inf, "acc": 0.5}
        row["layer/0/update"] = math.nan if step else 0.1
        watcher.feed(Points(NOW + step, "log", step, row))
    (found,) = of(watcher, "non-finite")
    assert found.evidence["metrics"] == {"train_loss": 2, "val_loss": 0, "layer/0/update": 1}
    assert found.alarm


def test_layers_behind_spoilt_weights_are_evidence_and_no_finding() -> None:
    watcher = Watcher(None, None)
    for step in range(40):
        row = {
            "loss": math.nan if step >= 5 else 1.0,
            "layer/body/dead": 0.98 if step >= 10 else 0.0,
        }
        watcher.feed(Points(NOW + step, "log", step, row | {"layer/head/dead": 0.0}))
    (found,) = watcher.findings().findings
    assert found.rule == "non-finite"
    assert [r.message.split(":")[0] for r in found.related] == ["dead-units"]


def test_the_probe_may_be_early_or_late() -> None:
    data = {
        "step": 20, "what": "loss", "first": {"layer": "enc.1", "kind": "forward", "class": "Linear"},
        "batch_rows": [5], "batch_rows_total": 64, "bounded": False, "note": "",
    }  # fmt: skip
    rows = losses([1.0] * 20 + [math.nan] + [1.0] * 10)
    for place in (20, 21, 24, 31):
        watcher = Watcher(None, None)
        feed(watcher, [*rows[:place], Fact(NOW + 20, "non-finite", data), *rows[place:]])
        (found,) = of(watcher, "non-finite")
        assert (found.state, found.opened_step, found.alarm) == ("recovered", 20, False)
        assert found.where.layer == ("enc.1" if place < 31 else None)


def test_the_same_loss_printed_late_is_the_same_incident() -> None:
    watcher = Watcher(None, None)
    values = [1.0] * 20 + [math.nan] + [1.0] * 10
    feed(watcher, losses(values, source="probe", name="probe/loss"))
    feed(watcher, losses(values, source="output"))
    assert len(watcher.findings().findings) == 1


def test_nan_weights_are_an_alarm_at_once() -> None:
    watcher = Watcher(None, None)
    data = {
        "step": 7,
        "what": "parameter",
        "first": {"layer": "head", "kind": "parameter", "class": "Linear"},
    }
    (found,) = watcher.feed(Fact(NOW, "non-finite", data))
    assert found.alarm and found.state == "confirmed"


def test_a_crash_says_what_the_exception_said() -> None:
    watcher = Watcher(None, None)
    feed(watcher, losses([2.0, 1.5]))
    watcher.feed(
        Fact(
            NOW,
            "exception",
            {"type": "ValueError", "message": "bad shape", "frames": [], "notes": []},
        )
    )
    (found,) = watcher.feed(Ended(NOW, 1, None, False, "Traceback ..."))
    assert found.rule == "crashed" and found.alarm and found.severity == "error"
    assert found.message == "The run ended with exit code 1 after step 1: ValueError: bad shape"


def test_a_crash_without_the_probe_is_read_from_the_tail() -> None:
    watcher = Watcher(None, None)
    (found,) = watcher.feed(Ended(NOW, 1, None, False, "x\nTraceback (most recent call last):\n  File\ntorch.OutOfMemoryError: CUDA out of memory.\n"))  # fmt: skip
    assert "torch.OutOfMemoryError: CUDA out of memory." in found.message
    (killed,) = Watcher(None, None).feed(Ended(NOW, 137, 9, False, ""))
    assert "SIGKILL" in killed.message


@pytest.mark.parametrize("end", [Ended(NOW, 0, None, False, ""), Ended(NOW, 143, 15, True, ""), Ended(NOW, None, None, False, "all is well")])  # fmt: skip
def test_a_run_that_ended_well_or_was_stopped_did_not_crash(end: Ended) -> None:
    assert Watcher(None, None).feed(end) == []


def stepping(watcher: Watcher, seconds: float, count: int, start: float = NOW) -> float:
    for i in range(count):
        feed(
            watcher,
            [Points(start + i * seconds, "log", i, {"loss": 1.0}), Tick(start + i * seconds)],
        )
    return start + (count - 1) * seconds


def test_a_hang_is_suspected_then_an_alarm_and_recovers_with_the_next_step() -> None:
    watcher = Watcher(None, None)
    last = stepping(watcher, 0.5, 100)
    states = []
    for second in range(1, 400):
        for found in feed(watcher, [Tick(last + second)]):
            states.append((second, found.state, found.alarm))
    assert states == [(121, "suspected", False), (181, "confirmed", True)]
    (found,) = watcher.feed(Points(last + 400, "log", 100, {"loss": 1.0}))
    assert (found.state, found.alarm, found.recovered_step) == ("recovered", True, 100)
    assert "No step came for 7 min before step 100" in found.message


def test_output_and_load_are_no_sign_of_life_but_grant_an_evaluation_more_time() -> None:
    watcher = Watcher(None, None)
    last = stepping(watcher, 0.5, 100)
    found = []
    for second in range(1, 1000):
        now = last + second
        found += feed(
            watcher,
            [Output(now), Points(now, "system", second, {"system/gpu0_percent": 100.0}), Tick(now)],
        )
    assert [(f.state, f.alarm) for f in found] == [("suspected", False), ("confirmed", True)]
    assert found[0].evidence["budget_s"] == 600


def test_a_slow_start_and_slow_epochs_and_long_evaluations_are_no_stall() -> None:
    watcher = Watcher(None, None)
    feed(watcher, [Tick(NOW + s) for s in range(0, 800, 10)])
    begin = NOW + 800
    for epoch in range(6):
        begin += 900  # an epoch of 15 minutes, told by one line at its end
        feed(watcher, [Tick(begin - s) for s in range(890, 0, -10)])
        watcher.feed(Points(begin, "output", epoch, {"loss": 1.0}))
    assert watcher.findings().findings == []
    watcher = Watcher(None, None)
    now = NOW
    for step in range(60):
        now += 2
        feed(watcher, [Points(now, "log", step, {"loss": 1.0}), Tick(now)])
        if step % 20 == 19:
            feed(watcher, [Tick(now + s) for s in range(0, 110, 5)])
            now += 110
            watcher.feed(Points(now, "log", step, {"val_loss": 1.0}))
    assert watcher.findings().findings == []


def test_a_lid_that_was_closed_is_no_stall_and_a_hang_after_it_is() -> None:
    watcher = Watcher(None, None)
    last = stepping(watcher, 0.5, 100)
    woke = last + 8 * 3600
    assert feed(watcher, [Slept(woke, 8 * 3600 - 1), Tick(woke + 1)]) == []
    states = [f.state for s in range(2, 400) for f in feed(watcher, [Tick(woke + s)])]
    assert states == ["suspected", "confirmed"]


def test_a_restart_at_an_earlier_step_is_no_stall() -> None:
    watcher = Watcher(None, None)
    last = stepping(watcher, 1, 50)
    stepping(watcher, 1, 50, last + 100)
    assert of(watcher, "stalled") == []


def test_a_spike_is_a_note_with_its_end() -> None:
    generator = random.Random(0)
    values = [2.0 * 0.99**i + generator.gauss(0, 0.01) for i in range(100)]
    values[50] *= 2.5
    watcher = Watcher(None, None)
    feed(watcher, losses(values))
    (found,) = of(watcher, "spike")
    assert (found.opened_step, found.state, found.recovered_step) == (50, "recovered", 51)
    assert found.severity == "note" and not found.alarm
    assert found.evidence["peak"] == values[50]


def test_a_loss_below_zero_has_spikes_too() -> None:
    generator = random.Random(0)
    values = [-1.0 - i / 100 + generator.gauss(0, 0.01) for i in range(100)]
    values[60] += 5
    watcher = Watcher(None, None)
    feed(watcher, losses(values))
    assert [f.opened_step for f in of(watcher, "spike")] == [60]


def test_a_healthy_noisy_run_is_quiet() -> None:
    generator = random.Random(5)
    watcher = Watcher(None, None)
    for i in range(3000):
        loss = 0.3 + 2 * math.exp(-i / 400) * generator.lognormvariate(0, 0.3)
        watcher.feed(
            Points(NOW + i, "log", i, {"loss": loss, "grad_norm": generator.expovariate(1)})
        )
    watcher.feed(Ended(NOW, 0, None, False, ""))
    assert [f for f in watcher.findings().findings if f.severity != "note"] == []
    assert len(of(watcher, "spike")) <= 2


def test_a_project_detector_takes_part_and_a_broken_one_is_switched_off(tmp_path: Path) -> None:
    folder = tmp_path / "detectors"
    folder.mkdir()
    (folder / "bad_news.py").write_text(
        '"""Fails."""\nclass Detector:\n    def __init__(self, roles): pass\n'
        '    def see(self, signal):\n        raise RuntimeError("no")\n'
    )
    (folder / "not_python.py").write_text("def")
    watcher = Watcher(None, None, home=tmp_path)
    assert len(feed(watcher, losses([1.0, math.nan, math.nan]))) == 2
    found = watcher.findings()
    why = {s.rule: s.why for s in found.skipped}
    assert "switched off: RuntimeError: no" in why["bad-news"]
    assert "cannot be loaded" in why["not-python"]
    assert "non-finite" in found.ran and "bad-news" not in found.ran


def test_select_and_ignore_choose_the_detectors() -> None:
    assert Watcher(None, None, select=["spike"]).findings().ran == ["spike"]
    assert "spike" not in Watcher(None, None, ignore=["spike"]).findings().ran


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("loss", "train-loss"), ("train/loss", "train-loss"), ("train_loss_step", "train-loss"),
        ("Loss", "train-loss"), ("lm_loss", "train-loss"), ("probe/loss", "train-loss"),
        ("train-rmse", "train-loss"), ("val_loss", "validation-loss"), ("eval/loss", "validation-loss"),
        ("validation/bleu", "validation-score"), ("val_acc", "validation-score"), ("evalAccuracy", "validation-score"),
        ("validation/wer", "validation-error"), ("test/loss", "validation-loss"), ("val_bpb", "validation-loss"),
        ("grad_norm", "gradient-norm"), ("probe/grad_norm", "gradient-norm"), ("lr", "learning-rate"),
        ("learning_rate", "learning-rate"), ("lr/group0", "learning-rate"), ("probe/step_s", "step-time"),
        ("epoch", "other"), ("loss_scale", "other"), ("aux_loss", "other"), ("system/cpu_percent", "other"),
        ("kl", "other"), ("temperature", "other"), ("accuracy", "train-score"), ("score", "other"), ("train/wer", "train-error"),
    ],
)  # fmt: skip
def test_roles_are_found_from_names(metric: str, expected: str) -> None:
    assert role(metric) == expected


def test_what_a_person_says_of_a_metric_counts() -> None:
    watcher = Watcher(None, None, roles={"obj": "train-loss"})
    feed(watcher, losses([1.0, math.nan, math.nan], name="obj"))
    assert of(watcher, "non-finite")[0].alarm
    assert watcher.findings().summary["assumptions"] == ["`obj` is the training loss (said)"]
    with pytest.raises(UsageError, match="no role for `obj`; the roles are train-loss"):
        Watcher(None, None, roles={"obj": "los"})


def test_the_same_cause_that_comes_again_is_one_incident() -> None:
    """A batch without labels, once an epoch: the probe finds the same division each time."""
    found = {"layer": None, "kind": "loss", "class": None}
    note = "the loss is nan; made outside the model: a division by zero"
    watcher = Watcher(None, None)
    for step in range(200):
        bad = step % 40 == 20
        if bad and step < 140:
            fact = {"step": step, "what": "loss", "first": found, "batch_rows": None, "note": note}
            watcher.feed(Fact(NOW + step, "non-finite", fact))
        watcher.feed(Points(NOW + step, "log", step, {"loss": math.nan if bad else 2.0}))
    watcher.close()
    (told,) = watcher.findings().findings
    assert told.state == "recovered" and not told.alarm
    assert "at steps 20, 60, 100, 140, 180" in told.message
    assert "a division by zero" in told.message
    assert [c["cause"] for c in told.evidence["causes"]] == ["a division by zero, in the loss"]


def test_another_cause_is_another_incident() -> None:
    watcher = Watcher(None, None)
    for step in range(100):
        bad = step in (20, 60)
        if bad:
            first = {"layer": "log" if step == 20 else "head", "kind": "forward", "class": "X"}
            watcher.feed(Fact(NOW, "non-finite", {"step": step, "what": "loss", "first": first}))
        watcher.feed(Points(NOW + step, "log", step, {"loss": math.nan if bad else 2.0}))
    assert [f.opened_step for f in watcher.findings().findings] == [20, 60]


def test_what_opened_before_the_incident_that_explains_it_becomes_its_evidence() -> None:
    watcher = Watcher(None, None, select=("not-learning", "overfitting"))
    for step in range(400):
        row = {"loss": 1.3 - 0.001 * step + 0.05 * math.sin(step)}
        if step % 10 == 0:
            row |= {"val_mse": 0.8 + 0.2 * min(1, step / 50) + 0.01 * (step % 3), "val_r2": 0.02}
        watcher.feed(Points(NOW + step, "log", step, row))
    assert [f.rule for f in watcher.findings().findings] == ["not-learning"]


@pytest.mark.parametrize("times", [1.0, 1.5])
@pytest.mark.parametrize("evaluated", [False, True])
def test_a_loss_that_goes_its_first_way_again_is_one_incident(times, evaluated) -> None:
    """Blown up and learned anew: one divergence, with the spike and the restart as its evidence."""

    def loss(step: int) -> float:
        return 1 + 5 * math.exp(-step / 60) if step < 400 else times * loss(step - 400)

    noise, watcher = random.Random(0), Watcher(None, None)
    for step in range(800):
        row = {"loss": loss(step) * math.exp(noise.gauss(0, 0.05))}
        if evaluated and step % 20 == 19:
            row["val_loss"] = loss(step) * math.exp(noise.gauss(0, 0.02))
        watcher.feed(Points(NOW + step, "log", step, row))
    (found,) = watcher.findings().findings
    assert (found.rule, found.state, found.opened_step) == ("diverged", "recovered", 400)
    assert any("spike" in link.message for link in found.related)


def test_what_becomes_part_of_another_incident_is_withdrawn() -> None:
    watcher, told = Watcher(None, None), {}
    for step in range(60):
        row = {"layer/head/update": math.inf if step == 30 else 0.01}
        if step != 30:
            row["loss"] = math.nan if step > 30 else 1.0
        told |= {f.id: f.rule for f in watcher.feed(Points(NOW + step, "probe", step, row))}
    (found,) = watcher.findings().findings
    assert told.keys() - {found.id} == set(watcher.withdrawn())
