"""A CSV that is larger than what memory is to be used for: the same table, and the same faults."""

import numpy as np
import polars as pl
import pytest

from labhand.scan import open_data, scan

ROWS = 30_000
LITTLE = 3_000_000
"""Bytes of memory; the file has about two thirds of that."""


@pytest.fixture
def lines():
    generator = np.random.default_rng(0)
    dose, level = generator.normal(5, 1, ROWS), generator.normal(50, 9, ROWS)
    city = generator.choice(["Rome", "Oslo", "Bern"], ROWS)
    note = generator.choice(['"one, two"', '"a line\nand another"', "plain", "", "Zürich"], ROWS)
    made = [
        f"{dose[i]:.5f},{level[i]:.4f},{city[i]},{note[i]},{i % 97},and some more to be long"
        for i in range(ROWS)
    ]
    made[20_011] = "1.5,50.0,Rome,plain"
    made[25_000] = "n/a" + made[25_000][7:]
    made[29_000] = made[17]
    return made


def written(lines, path, encoding="utf-8"):
    text = "dose,level,city,note,k,more\n" + "\n".join(lines) + "\n"
    path.write_bytes(text.encode(encoding))
    return path


def test_the_table_is_the_one_that_is_read_whole(lines, tmp_path):
    path = written(lines, tmp_path / "t.csv")
    (whole,) = open_data([path]).data.parts
    (little,) = open_data([path], memory=LITTLE).data.parts
    assert little.kept is None and whole.kept is not None
    assert little.lazy.collect().equals(whole.lazy.collect())
    assert little.facts == whole.facts and whole.facts["short"] == [20_011]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_the_findings_are_the_same(lines, tmp_path, encoding):
    path = written(lines, tmp_path / "t.csv", encoding)
    names = ["exact-duplicate", "mixed-types", "shifted-columns", "missing", "encoding-damage"]
    whole, little = scan([path], select=names), scan([path], select=names, memory=LITTLE)
    assert little.findings == whole.findings
    assert "exact-duplicate" in {f.rule for f in whole.findings}


def test_lines_in_quotes_over_the_end_of_a_piece_stay_one_row(tmp_path):
    long = '"' + "\n".join(["a line"] * 30) + '"'
    path = written([f"1.5,{i},Rome,{long},3,x" for i in range(9000)], tmp_path / "t.csv")
    (part,) = open_data([path], memory=LITTLE).data.parts
    assert part.rows == 9000
    assert part.select(pl.col("note").str.len_chars().n_unique()).item() == 1
