"""What `labhand scan` leaves alone: plain tables that only look as if something were off."""

import numpy as np
import polars as pl
import pytest

from labhand.scan import scan

ROWS = 400


def gauss(seed=0, rows=ROWS):
    return np.random.default_rng(seed).normal(50, 9, rows).round(3)


def chosen(values, seed=1, rows=ROWS):
    return np.random.default_rng(seed).choice(values, rows)


def heavy_tail():
    """Daily returns: one crash beyond the others, as such tails bring."""
    told = np.random.default_rng(3).standard_t(2.5, 3000) * 0.01
    order = np.argsort(-np.abs(told))
    told[order[0]] = -3.0 * abs(told[order[1]])
    return told.round(5)


def panel():
    """Scores of countries that change once, for some."""
    rows = []
    for country in range(60):
        for year in range(9):
            rows.append((f"country {country}", 2000 + year, int(country < 8 and year > 5)))
    return pl.DataFrame(rows, schema=["country", "year", "law"], orient="row")


TABLES = {
    "grades with signs": {"size": gauss(), "grade": chosen(["A-", "A", "A+", "B-", "B"])},
    "wards by letter": {
        "size": gauss(), "ward": ["inpatient ward a"] * 300 + ["inpatient ward w"] * 2 + ["clinic north"] * 98,
    },
    "marks out of a hundred": {"mark": np.minimum(100, gauss() + 33), "size": gauss(2)},
    "a heavy tail": {"r": heavy_tail(), "size": gauss(2, 3000)},
    "a flag that is written or empty": {"size": gauss(), "retired": ["yes"] * 9 + [None] * 391},
    "the number of the row twice": {"rownames": range(1, 401), "t": range(1, 401), "size": gauss()},
    "a sum that zeros break": {
        "a": (a := np.random.default_rng(5).integers(1, 900, ROWS)),
        "b": (b := np.random.default_rng(6).integers(1, 900, ROWS) * (np.arange(ROWS) % 4 > 0)),
        "c": np.where(b > 0, a + b, 0) + (np.arange(ROWS) % 4 == 0) * np.arange(ROWS),
    },
    "a count called y": {"size": gauss(), "y": np.sort(np.random.default_rng(7).poisson(0.7, ROWS))},
    "answers to choose from": {
        "side": chosen(["left", "right", "centre"]),
        "response": chosen(["Apply for citizenship soon", "Stay as a guest worker", "Leave the country again"], 2),
    },
    "few rows, alike by the last column alone": {
        "x": gauss(1, 40), "ship": [1, 2, 3, 4] * 10, "size": gauss(4, 40),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_a_plain_table_brings_no_warning(name, tmp_path):
    pl.DataFrame(TABLES[name], strict=False).write_csv(tmp_path / "t.csv")
    told = scan([tmp_path / "t.csv"]).findings
    assert [(f.rule, f.message) for f in told if f.severity != "note"] == []


def test_a_country_whose_law_changes_breaks_no_rule(tmp_path):
    panel().write_csv(tmp_path / "t.csv")
    told = scan([tmp_path / "t.csv"], select=["dependency-violation"]).findings
    assert told == []


@pytest.mark.parametrize(
    "columns",
    [
        {"id": range(ROWS), "age": gauss(), "score": chosen([0, 1])},
        {"student_id": range(ROWS), "score": gauss(), "passed": chosen([0, 1])},
        {"id": range(ROWS), "round": [1, 2, 3, 4] * 100, "score": gauss()},
        {"id": range(ROWS), "question": chosen(["how are you", "what"]), "score": chosen([1, 2, 3, 4, 5])},
    ],
)  # fmt: skip
def test_a_score_alone_makes_no_table_the_outputs_of_a_run(columns, tmp_path):
    pl.DataFrame(columns).write_csv(tmp_path / "t.csv")
    told = scan([tmp_path / "t.csv"])
    assert not {"item", "score", "step"} & told.summary["roles"].keys()
    assert not {"grader-disagreement", "too-good", "all-fail-item"} & set(told.ran)


def test_items_that_were_graded_are_outputs_without_any_text(tmp_path):
    for columns in (
        {"question_id": range(ROWS), "score": chosen([0, 1])},
        {"id": range(ROWS), "correct": chosen([True, False])},
        {"id": [i // 4 for i in range(ROWS)], "model": list("abcd") * 100, "score": chosen([0, 1])},
    ):
        pl.DataFrame(columns).write_csv(tmp_path / "t.csv")
        assert "item" in scan([tmp_path / "t.csv"]).summary["roles"]
