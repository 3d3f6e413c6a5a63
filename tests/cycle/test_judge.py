"""Whether a change helped: told by noise and tries, and proven with fresh seeds."""

import itertools
import json
import sys

from labhand.core.finding import Finding, in_run
from labhand.core.run import Code, Metric, Run
from labhand.cycle.compare import compare_runs

COUNT = itertools.count()
SCRIPT = """
import argparse, random
p = argparse.ArgumentParser()
p.add_argument("--seed", type=int, default=0)
p.add_argument("--lr", type=float, default=0.1)
p.add_argument("--unused", type=float, default=0.1)
a = p.parse_args()
noise = random.Random(a.seed * 7919 + int(a.unused * 1000)).gauss(0, 1)
for step in range(8):
    print(f"step {step} val_loss {0.9 ** step + a.lr + 0.01 * noise:.5f}")
"""


def made(loss, lr=0.1, seed=None, status="finished", **fields):
    number = next(COUNT)
    metrics = {}
    if loss is not None:
        metrics["val/loss"] = Metric(
            points=9, first=3.0, last=loss, min=loss, max=3.0, last_step=8, non_finite=0
        )
    return Run(
        id=f"r{number:03}", name=f"run-{number}", cwd="/p", command=["python", "train.py"],
        started="2027-01-15T08:00:00.000+00:00", status=status, metrics=metrics,
        config={"lr": lr} | ({} if seed is None else {"seed": seed}), code=Code(tree="t"), **fields,
    )  # fmt: skip


def judged(*runs, like=()):
    return compare_runs(list(runs), None, None, like).judgements


def test_seeds_in_pairs_tell_a_small_gain_that_single_runs_cannot():
    base = [made(1.0 + seed / 10, seed=seed) for seed in range(4)]
    better = [made(0.98 + seed / 10 + seed / 1000, lr=0.2, seed=seed) for seed in range(4)]
    (found,) = judged(*base, *better)
    assert (found.outcome, found.effect.basis, found.effect.count) == ("improved", "pairs", 4)
    (single,) = judged(base[0], better[0])
    assert (single.outcome, single.effect) == ("noise", None)
    assert "--confirm" in single.said


def test_a_single_run_is_held_against_the_noise_of_other_setups():
    like = [made(2.0 + x, lr=0.5, seed=i) for i, x in enumerate((0.0, 0.01, -0.01, 0.02))]
    (small,) = judged(made(1.0), made(0.99, lr=0.2), like=like)
    (large,) = judged(made(1.0), made(0.5, lr=0.2), like=like)
    (up,) = judged(made(1.0), made(1.5, lr=0.2), like=like)
    assert [j.outcome for j in (small, large, up)] == ["noise", "improved", "worse"]


def test_the_best_of_many_tries_is_called_luck():
    base = [made(1.0 + x, seed=i) for i, x in enumerate((0.0, 0.03, -0.03, 0.01))]
    tries = [made(1.0 + 0.002 * k, lr=1.0 + k, seed=9) for k in range(30)]
    lucky = made(0.88, lr=0.2, seed=9)
    (alone,) = judged(*base, lucky)
    (among,) = judged(*base, lucky, like=tries)
    assert (alone.outcome, alone.tries) == ("improved", 1)
    assert (among.outcome, among.tries) == ("noise", 31)
    assert "31 setups were tried" in among.said


def test_what_was_tried_before_the_first_run_does_not_count():
    earlier = [made(1.0, lr=1.0 + k, seed=9) for k in range(30)]
    base = [made(1.0 + x, seed=i) for i, x in enumerate((0.0, 0.03, -0.03, 0.01))]
    (found,) = judged(*base, made(0.5, lr=0.2, seed=9), like=earlier)
    assert (found.outcome, found.tries) == ("improved", 1)


def test_runs_without_a_result_say_why():
    broken = made(None, lr=0.2)
    broken.metrics = made(0.1).metrics
    broken.findings = [
        Finding(
            id="f", job="watch", rule="non-finite", severity="error", confidence=1.0, message="m",
            where=in_run("x", 1), advice="", state="closed", alarm=True,
        )
    ]  # fmt: skip
    cases = {
        "failed": made(0.5, lr=0.2, status="failed"),
        "interrupted": made(0.5, lr=0.2, status="stopped"),
        "no-metric": made(None, lr=0.2),
        "not-finite": broken,
    }
    for outcome, run in cases.items():
        assert [j.outcome for j in judged(made(1.0), run)] == [outcome]
    assert [j.outcome for j in judged(made(1.0, seed=1), made(0.9, seed=2))] == ["nothing-changed"]


def test_confirm_runs_both_sides_with_fresh_seeds_and_judges_by_those(lab):
    lab.script("train.py", SCRIPT)
    (lab.folder / "labhand.toml").touch()
    for name, setting in (("base", "lr=0.1"), ("high", "lr=0.3"), ("same", "unused=0.2")):
        done = lab("run", "--name", name, "--set", setting, "--", sys.executable, "train.py")
        assert done.returncode == 0, done.stderr
    done = lab("compare", "base", "high", "--confirm", "3", "--json")
    found = json.loads(done.stdout)
    (judgement,) = found["judgements"]
    assert (judgement["outcome"], judgement["effect"]["basis"]) == ("worse", "pairs")
    assert [len(group) for group in found["groups"]] == [3, 3]
    assert "6 of 6: high again as" in done.stderr
    seeds = {r["id"]: r["command"][r["command"].index("--seed") + 1] for r in found["runs"]}
    first, second = found["groups"]
    assert [seeds[i] for i in first] == [seeds[i] for i in second]
    assert "0" not in seeds.values()
    told = lab("compare", "base", "same").stdout
    assert "not more than noise" in " ".join(told.split())


def test_a_change_of_what_judges_is_told_and_never_called_better(lab):
    script = lab.script("train.py", SCRIPT)
    assert lab("run", "--name", "base", "--", sys.executable, "train.py").returncode == 0
    script.write_text(SCRIPT + "\ndef evaluate(x):\n    return x / 2\n")
    assert lab("run", "--name", "eased", "--", sys.executable, "train.py").returncode == 0
    (judgement,) = json.loads(lab("compare", "base", "eased", "--json").stdout)["judgements"]
    assert judgement["outcome"] == "harness-touched"
    assert "evaluation (train.py:" in judgement["said"]


def test_a_table_that_the_run_wrote_is_no_change_of_what_judges(lab):
    lab.script("train.py", SCRIPT + "\nopen('log.csv', 'w').write('loss,test\\n%s,1\\n' % a.lr)\n")
    for name, setting in (("base", "lr=0.1"), ("high", "lr=0.3")):
        done = lab("run", "--name", name, "--set", setting, "--", sys.executable, "train.py")
        assert done.returncode == 0, done.stderr
    (judgement,) = json.loads(lab("compare", "base", "high", "--json").stdout)["judgements"]
    assert judgement["outcome"] != "harness-touched", judgement["said"]
