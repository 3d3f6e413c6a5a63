"""What differs between runs, and how far it can be trusted."""

import itertools
import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labhand.core.errors import NotFoundError, UsageError
from labhand.core.finding import Finding, in_code, in_run
from labhand.core.run import Code, Environment, Metric, Run
from labhand.core.store import Store
from labhand.cycle import compare
from labhand.cycle.compare import compare_runs, differences, is_seed
from labhand.kit import snapshot
from labhand.kit.metric_names import direction

COUNT = itertools.count()


def metric(last, low=None, high=None, **more):
    low, high = last if low is None else low, last if high is None else high
    return Metric(
        points=10, first=1.0, last=last, min=low, max=high, last_step=9, non_finite=0, **more
    )


def made(metrics=None, tree="t", **fields):
    number = next(COUNT)
    fields.setdefault("command", ["python", "train.py"])
    return Run(
        id=f"r{number:03}",
        name=f"run-{number}",
        cwd="/p",
        started="2027-01-15T08:00:00.000+00:00",
        metrics={name: metric(value) for name, value in (metrics or {}).items()},
        code=Code(tree=tree),
        **fields,
    )


def compared(tmp_path, *runs):
    return compare_runs(list(runs), tmp_path / ".labhand", tmp_path)


def test_settings_that_came_went_and_changed_are_told_apart(tmp_path):
    a = made(config={"lr": 0.1, "model": {"width": 32}, "old": 1, "same": float("nan")})
    b = made(config={"lr": 0.2, "model": {"width": 64}, "new": 1, "same": float("nan")})
    found = {d.key: (d.change, d.values) for d in compared(tmp_path, a, b).settings}
    assert found == {
        "lr": ("changed", {a.id: 0.1, b.id: 0.2}),
        "model.width": ("changed", {a.id: 32, b.id: 64}),
        "new": ("added", {b.id: 1}),
        "old": ("removed", {a.id: 1}),
    }


def test_a_run_that_died_before_its_settings_were_read_differs_in_none(tmp_path):
    died, ran = made(status="failed"), made(config={"lr": 0.2})
    assert compared(tmp_path, died, ran).settings == compared(tmp_path, ran, died).settings == []


def test_one_and_true_are_two_settings_one_and_one_point_zero_are_one():
    tables = {"a": {"x": 1, "y": 1}, "b": {"x": True, "y": 1.0}}
    assert [d.key for d in differences(tables)] == ["x"]


def test_packages_python_and_machine_are_compared(tmp_path):
    old = Environment(python="3.11.1", packages={"torch": "2.12"}, host={"name": "ada"})
    new = Environment(python="3.12.7", packages={"torch": "2.13", "x": "1"}, host={"name": "ada"})
    found = compared(tmp_path, made(environment=old), made(environment=new))
    assert [d.key for d in found.packages] == ["torch", "x"]
    assert [d.key for d in found.environment] == ["python"]


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("val/loss", "down"), ("train_loss", "down"), ("valLoss", "down"), ("perplexity", "down"),
        ("top1_err", "down"), ("reward_loss", "down"), ("eval/ppl", "down"), ("val_bpb", "down"),
        ("accuracy", "up"), ("loss/acc", "up"), ("mAP50", "up"), ("acc@1", "up"), ("loss_1", "down"), ("f1", "up"), ("mAP", "up"), ("val.AUROC", "up"),
        ("mean_reward", "up"), ("probe/loss", "down"), ("test mIoU", "up"),
        ("lr", None), ("grad_norm", None), ("epoch", None), ("temperature", None), ("glossary", None),
    ],
)  # fmt: skip
def test_which_way_is_better_is_told_by_the_name_and_else_unknown(name, way):
    assert direction(name) == way


def test_a_single_run_each_is_never_more_than_a_difference(tmp_path):
    found = compared(
        tmp_path,
        made({"loss": 0.5, "acc": 0.8, "lr": 0.1, "steady": 1.0}, config={"lr": 0.1}),
        made({"loss": 0.4, "acc": 0.7, "lr": 0.2, "steady": 1.0}, config={"lr": 0.2}),
    )
    assert found.caution == "One run each: a difference may be noise."
    last = {m.name: m.values[found.runs[1].id] for m in found.metrics}
    assert {name: r.change for name, r in last.items()} == {
        "loss": "better", "acc": "worse", "lr": None, "steady": "equal",
    }  # fmt: skip
    assert last["loss"].difference == pytest.approx(-0.1)
    assert all(m.groups == [] for m in found.metrics)


def test_the_best_value_is_the_lowest_loss_and_the_highest_accuracy(tmp_path):
    a, b = made(), made()
    a.metrics = {"loss": metric(0.5, low=0.3, high=2.0), "acc": metric(0.7, low=0.1, high=0.9)}
    a.metrics["lr"] = metric(0.1)
    best = {m.name: m.values[a.id].best for m in compared(tmp_path, a, b).metrics}
    assert best == {"loss": 0.3, "acc": 0.9, "lr": None}


def test_runs_that_differ_in_the_seed_alone_give_mean_and_standard_error(tmp_path):
    def seeded(seed, lr, loss):
        command = ["python", "train.py", "--seed", str(seed), f"--lr={lr}"]
        return made({"loss": loss}, command=command, config={"seed": seed, "lr": lr})

    runs = [seeded(0, 0.1, 1.0), seeded(1, 0.1, 2.0), seeded(2, 0.1, 3.0), seeded(0, 0.2, 5.0)]
    found = compared(tmp_path, *runs)
    assert found.groups == [[r.id for r in runs[:3]], [runs[3].id]]
    three, one = found.metrics[0].groups
    assert (three.runs, three.mean) == (3, 2.0)
    assert three.standard_error == pytest.approx(1 / math.sqrt(3))
    assert (one.runs, one.mean, one.standard_error) == (1, 5.0, None)
    assert found.caution.endswith("(3, 1 runs). A single run may be noise.")


def test_what_differs_between_two_runs_of_the_same_is_called_noise(tmp_path):
    same = [made({"loss": 1.0}, config={"seed": 0}), made({"loss": 1.1}, config={"seed": 1})]
    assert "is noise" in compared(tmp_path, *same).caution
    same[1].environment = Environment(packages={"torch": "2.13"})
    assert compared(tmp_path, *same).caution == "One run each: a difference may be noise."


def test_runs_whose_code_is_not_known_are_never_taken_for_one_group(tmp_path):
    runs = [made({"loss": 1.0}, tree=None, config={"seed": seed}) for seed in range(2)]
    assert len(compared(tmp_path, *runs).groups) == 2


@pytest.mark.parametrize(
    "key", ["seed", "random_seed", "data.rng_seed", "random_state", "torch-seed"]
)
def test_a_seed_is_known_by_its_name(key):
    assert is_seed(key)


@pytest.mark.parametrize("key", ["seeds", "lr", "seedling", "state", "seed_everything_path"])
def test_what_only_looks_like_a_seed_is_none(key):
    assert not is_seed(key)


def test_the_code_is_compared_line_by_line(tmp_path):
    store = Store(tmp_path / ".labhand")
    runs = []
    for text in ("lr = 1\n", "lr = 2\nseed = 0\n"):
        (tmp_path / "train.py").write_text(text)
        run_id, name = store.create()
        run = made(tree=None)
        run.id, run.name = run_id, name
        run.code = snapshot.keep(tmp_path, run_id, store.home).code
        store.write(run)
        runs.append(run_id)
    (found,) = compare.compare(store, tmp_path, runs).code
    assert (found.added, found.removed, found.files, found.cut) == (2, 1, ["train.py"], False)
    assert "-lr = 1" in found.diff


def test_a_code_that_is_gone_is_said_to_be_unknown(tmp_path):
    found = compared(tmp_path, made(tree="objects:0000"), made(tree="objects:1111"))
    assert found.code[0].diff is None
    assert compared(tmp_path, made(), made()).code[0].diff == ""


def test_findings_that_only_some_have_are_named_with_their_runs(tmp_path):
    def spike(run):
        where = in_run(run, 1, step=5, metric="loss")
        return Finding(id=run, job="watch", rule="spike", severity="note", confidence=1,
                       message="up", where=where, advice="wait")  # fmt: skip

    check = Finding(id="c", job="check", rule="grad-zero-missing", severity="warning",
                    confidence=1, message="m", where=in_code("t.py", 3), advice="a")  # fmt: skip
    a, b = made(), made()
    a.findings, b.findings = [spike(a.id)], [spike(b.id), check]
    found = compared(tmp_path, a, b).findings
    assert [(f.rule, f.runs) for f in found] == [("grad-zero-missing", [b.id])]


def test_one_run_cannot_be_compared_nor_one_that_is_not_there(tmp_path):
    store = Store(tmp_path / ".labhand")
    run_id, name = store.create()
    run = made()
    run.id, run.name = run_id, name
    store.write(run)
    with pytest.raises(UsageError, match="nothing to be compared with"):
        compare.compare(store, tmp_path, [run_id, "last"])
    with pytest.raises(NotFoundError):
        compare.compare(store, tmp_path, ["last", "no-such-run"])


VALUES = st.dictionaries(
    st.sampled_from(["a", "b", "c", "seed"]),
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=3),
)


@given(VALUES, VALUES)
def test_a_comparison_survives_json_and_two_ways_find_the_same_keys(one, other):
    there = {d.key for d in differences({"a": one, "b": other})}
    back = {d.key for d in differences({"b": other, "a": one})}
    assert there == back
    assert differences({"a": one, "b": one}) == []
    runs = [made({"loss": 1.0}, config=one), made({"loss": 2.0}, config=other)]
    found = compare_runs(runs, None, None)
    again = msgspec.json.decode(msgspec.json.encode(found), type=compare.Comparison)
    assert [d.key for d in again.settings] == [d.key for d in found.settings]


def test_what_a_run_has_written_is_no_change_of_the_code(lab):
    lab.script("train.py", "print('loss: 1.0')\nopen('log.csv', 'a').write('1,2\\n')\n")
    (lab.folder / "labhand.toml").touch()
    lab.run("train.py")
    lab.script("config.yaml", "lr: 0.1\n")
    lab.run("train.py")
    runs = [run["id"] for run in json.loads(lab("runs", "--json").stdout)["runs"]]
    found = json.loads(lab("compare", runs[1], runs[0], "--json").stdout)["code"][0]
    assert found["files"] == ["config.yaml"]
    assert found["others"] == ["log.csv"]
    assert "log.csv" not in found["diff"]
