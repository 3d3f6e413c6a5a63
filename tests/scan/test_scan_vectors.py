"""Vectors: faults at known rows of real and random ones, and quiet where there are none."""

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_digits

from labhand.scan import scan

RULES = ["nonfinite", "zero", "norm", "duplicate", "collapse"]
ROWS = [3, 70, 151, 290]


def random_vectors():
    g = np.random.default_rng(0)
    made = g.normal(size=(400, 12)) @ g.normal(size=(12, 64)) + 0.3 * g.normal(size=(400, 64))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype("f4")


def digits():
    return load_digits().data[:500].astype("f4")


def nonfinite(a):
    a[ROWS, 5] = [np.nan, np.inf, -np.inf, np.nan]


def zero(a):
    a[ROWS] = 0


def norm(a):
    a[ROWS] *= 12


def duplicate(a):
    a[ROWS] = a[[0, 1, 2, 4]]


FAULTS = {"nonfinite": nonfinite, "zero": zero, "norm": norm, "duplicate": duplicate}


def said(path, **more):
    findings = scan([path], **more)
    assert not [s for s in findings.skipped if "failed" in s.why]
    return {
        f.rule.removeprefix("vector-"): f.where.rows
        for f in findings.findings
        if f.severity != "note"
    }


@pytest.mark.parametrize("make", [random_vectors, digits])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_brings_its_rows_and_no_other_finding(tmp_path, make, fault):
    array = make()
    FAULTS[fault](array)
    np.save(tmp_path / "a.npy", array)
    found = said(tmp_path / "a.npy")
    assert {rule: sorted(rows) for rule, rows in found.items()} == {fault: ROWS}


@pytest.mark.parametrize("make", [random_vectors, digits])
def test_clean_vectors_bring_nothing(tmp_path, make):
    np.save(tmp_path / "a.npy", make())
    assert said(tmp_path / "a.npy") == {}


def test_a_collapsed_encoder_is_told(tmp_path):
    g = np.random.default_rng(1)
    np.save(tmp_path / "a.npy", random_vectors()[:1] + 1e-4 * g.normal(size=(300, 64)))
    assert "collapse" in said(tmp_path / "a.npy")


def test_embeddings_beside_a_table_are_looked_at_and_doubt_its_labels(tmp_path):
    told = load_digits()
    labels = [f"class {c}" for c in told.target[:600]]
    wrong = [10, 200, 333]
    for row in wrong:
        labels[row] = "class 1" if labels[row] != "class 1" else "class 7"
    pl.DataFrame({"name": [f"file {i}" for i in range(600)], "label": labels}).write_csv(
        tmp_path / "d.csv"
    )
    array = told.data[:600].astype("f4")
    array[50] = np.nan
    np.save(tmp_path / "e.npy", array)
    assert said(tmp_path / "d.csv", embeddings=tmp_path / "e.npy", select=["vector-nonfinite"]) == {
        "nonfinite": [50]
    }
    array[50] = array[51] + 0.3
    np.save(tmp_path / "e.npy", array)
    found = scan([tmp_path / "d.csv"], embeddings=tmp_path / "e.npy", select=["wrong-label"])
    assert set(wrong) <= set(found.findings[0].where.rows)


def test_arrays_in_json_lines_and_their_lengths(tmp_path):
    g = np.random.default_rng(2)
    lines = [[round(float(v), 3) for v in row] for row in g.normal(size=(40, 6))]
    lines[9] = lines[9][:4]
    (tmp_path / "v.jsonl").write_text("\n".join(map(str, lines)) + "\n")
    assert said(tmp_path / "v.jsonl") == {"nonfinite": [9]}


def test_a_batch_of_another_model_is_found(tmp_path):
    vectors = load_digits().data
    vectors = (vectors - vectors.mean(axis=0))[:900]
    turn, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(64, 64)))
    path = tmp_path / "vectors.npy"
    np.save(path, vectors.astype("f4"))
    assert [f for f in scan([path], select=["row-outlier"]).findings if f.severity != "note"] == []
    vectors[300:340] = vectors[300:340] @ turn
    np.save(path, vectors.astype("f4"))
    (found,) = [f for f in scan([path], select=["row-outlier"]).findings if f.severity != "note"]
    assert set(found.where.rows) <= set(range(298, 342)) and len(found.where.rows) >= 36
