"""What a run has shown is held against the findings in code: proven, dropped, or told as new."""

import msgspec

from labhand.check import Measured, check
from labhand.check.measured import Place, Proof
from labhand.core.finding import Skipped

CODE = """\
import torch
from torch import nn


def train(model, loader, optimizer):
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x).softmax(1), y)
        loss.backward()
        optimizer.step()
"""


def proof(rule, line, *, proven=True, **more):
    told = {"told": "seen in 8 steps", "reach": "function"} | more
    return Proof(rule, proven, Place("train.py", line, 5, 9), **told)


def looked(tmp_path, *proofs, text=CODE, **options):
    path = tmp_path / "train.py"
    path.write_text(text, encoding="utf-8")
    measured = Measured(proofs, ["initial-loss"], [Skipped("not-learning", "no batch")])
    return check([path], root=tmp_path, measured=measured, **options)


def rules(answer):
    return {f.rule: f.where.line for f in answer.findings}


def test_a_proof_raises_the_finding_at_its_line_and_keeps_its_fix(tmp_path):
    before = looked(tmp_path)
    assert rules(before) == {"loss-double-softmax": 7, "grad-zero-missing": 9}
    after = looked(tmp_path, proof("loss-double-softmax", 7, message="new", advice="mend"))
    (one, other) = after.findings
    (old, _) = before.findings
    assert one.id == old.id and one.fix == old.fix and one.message == old.message
    assert one.confidence == 0.99 and one.evidence["measured"] == "seen in 8 steps"
    assert "measured" not in other.evidence
    assert after.summary["proven"] == 1
    assert [s.rule for s in after.skipped] == ["not-learning"] and "initial-loss" in after.ran


def test_a_proof_against_a_finding_drops_it_and_says_why(tmp_path):
    answer = looked(tmp_path, proof("grad-zero-missing", 9, proven=False, reach="line"))
    assert rules(answer) == {"loss-double-softmax": 7}
    (dropped,) = answer.summary["dropped"]
    assert dropped["rule"] == "grad-zero-missing" and dropped["why"] == "seen in 8 steps"
    assert dropped["where"]["line"] == 9
    elsewhere = looked(tmp_path, proof("grad-zero-missing", 8, proven=False, reach="line"))
    assert "grad-zero-missing" in rules(elsewhere)


def test_what_only_a_run_shows_is_a_finding_of_its_own_that_a_person_can_silence(tmp_path):
    news = proof("initial-loss", 7, message="the loss begins at 50", advice="make it small")
    (found,) = (f for f in looked(tmp_path, news).findings if f.rule == "initial-loss")
    assert (found.severity, found.where.line, found.where.column) == ("warning", 7, 9)
    for ways in ({"ignore": ["initial-loss"]}, {"select": ["grad-zero-missing"]}, {"per_file": {"train.py": ["initial-loss"]}}):  # fmt: skip
        assert "initial-loss" not in rules(looked(tmp_path, news, **ways))
    assert "initial-loss" in rules(looked(tmp_path, news, select=["initial-loss"]))
    silent = CODE.replace(", y)\n", ", y)  # labhand: ignore[initial-loss] known\n")
    assert "initial-loss" not in rules(looked(tmp_path, news, text=silent))
    known = tmp_path / "known.json"
    known.write_bytes(msgspec.json.encode(looked(tmp_path, news)))
    assert looked(tmp_path, news, baseline=known).findings == []


def test_a_proof_without_words_of_its_own_only_settles(tmp_path):
    answer = looked(tmp_path, proof("shuffle-off-train", 6))
    assert "shuffle-off-train" not in rules(answer)
