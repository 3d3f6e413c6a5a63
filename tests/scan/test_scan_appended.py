"""Rows that were added since the last scan: told with their own numbers, and the earlier findings stand."""

import random
from pathlib import Path

import polars as pl
import pytest

from labhand.scan import mend, scan

ROWS = 6000
REPEATS = ["exact-duplicate", "category-variant"]


@pytest.fixture
def table():
    generator = random.Random(0)
    return pl.DataFrame(
        {
            "dose": [round(generator.gauss(5, 1), 4) for _ in range(ROWS)],
            "level": [round(generator.gauss(50, 9), 3) for _ in range(ROWS)],
            "city": [generator.choice(["Rome", "Oslo", "Bern"]) for _ in range(ROWS)],
            "label": [generator.choice("ab") for _ in range(ROWS)],
        }
    )


def write(frame, path):
    (frame.write_ndjson if path.suffix == ".jsonl" else frame.write_csv)(path)


def add(frame, path):
    with path.open("ab") as file:
        file.write(
            frame.write_ndjson().encode()
            if path.suffix == ".jsonl"
            else frame.write_csv(include_header=False).encode()
        )


def rows_of(findings, rule):
    return [f.where.rows for f in findings.findings if f.rule == rule]


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_new_rows_are_told_by_their_number_and_the_earlier_findings_stand(table, tmp_path, name):
    path, out = tmp_path / name, tmp_path / "out"
    write(table.vstack(table[5:6]), path)
    first = scan([path], out=out)
    assert rows_of(first, "exact-duplicate") == [[ROWS]]
    other = "b" if table["label"][9] == "a" else "a"
    new = pl.concat(
        [
            table[4321:4322],
            table[9:10].with_columns(label=pl.lit(other)),
            table[7:8].with_columns(dose=pl.lit(5.4321), city=pl.lit("rome")),
            table[8:9].with_columns(dose=pl.lit(90000.0), level=pl.lit(1.5)),
        ]
    )
    add(new, path)
    told = scan([path], out=out)
    assert told.summary["rows"] == ROWS + 5
    assert told.summary["appended"] == {str(path): 4}
    assert rows_of(told, "exact-duplicate") == [[ROWS + 1, ROWS]]
    assert rows_of(told, "conflicting-labels") == [[ROWS + 2]]
    assert rows_of(told, "category-variant") == [[ROWS + 3]]
    assert rows_of(told, "impossible-value") == [[ROWS + 4]]
    (repeated,) = [f for f in told.findings if f.rule == "exact-duplicate"]
    assert pl.read_parquet(repeated.where.rows_file)["row"].to_list() == [ROWS + 1, ROWS]
    again = scan([path], out=out)
    assert "appended" not in again.summary
    assert sorted(rows_of(again, "exact-duplicate")[0]) == [ROWS, ROWS + 1]


def test_a_patch_of_before_still_applies(table, tmp_path):
    path, out = tmp_path / "t.csv", tmp_path / "out"
    write(table.vstack(table[5:6]), path)
    scan([path], out=out)
    add(table[:1].with_columns(dose=pl.lit(3.3333)), path)
    (told,) = [f for f in scan([path], out=out).findings if f.rule == "exact-duplicate"]

    assert mend(Path(told.fix.patch), tmp_path / "copy.csv", tmp_path / "home") == 1


def test_rows_of_a_parquet_file_that_was_written_anew(table, tmp_path):
    path, out = tmp_path / "t.parquet", tmp_path / "out"
    table.vstack(table[5:6]).write_parquet(path)
    scan([path], out=out, select=REPEATS)
    longer = pl.concat(
        [table, table[5:6], table[4321:4322], table[7:8].with_columns(city=pl.lit("rome"))]
    )
    longer.write_parquet(path, compression="snappy", row_group_size=1000)
    told = scan([path], out=out, select=REPEATS)
    assert told.summary["appended"] == {str(path): 2}
    assert rows_of(told, "exact-duplicate") == [[ROWS + 1, ROWS]]
    assert rows_of(told, "category-variant") == [[ROWS + 2]]
    longer.with_columns(pl.col("dose").reverse()).vstack(longer[:3]).write_parquet(path)
    assert "appended" not in scan([path], out=out, select=REPEATS).summary


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_a_new_shard_is_looked_at_beside_the_earlier_ones(table, tmp_path, suffix):
    folder, out = tmp_path / "shards", tmp_path / "out"
    folder.mkdir()
    writers = {".csv": pl.DataFrame.write_csv, ".jsonl": pl.DataFrame.write_ndjson}
    save = writers.get(suffix, pl.DataFrame.write_parquet)
    for at in range(2):
        save(table[at * 3000 : (at + 1) * 3000], folder / f"part-{at}{suffix}")
    scan([folder], out=out, select=REPEATS)
    new = pl.concat([table[4321:4322], table[7:8].with_columns(city=pl.lit("rome"))])
    save(new, folder / f"part-2{suffix}")
    told = scan([folder], out=out, select=REPEATS)
    assert list(told.summary["appended"].values()) == [2]
    assert rows_of(told, "exact-duplicate") == [[ROWS]]
    assert rows_of(told, "category-variant") == [[ROWS + 1]]
    save(table[:2900].vstack(new), folder / f"part-1{suffix}")
    assert "appended" not in scan([folder], out=out, select=REPEATS).summary


@pytest.mark.parametrize("change", ["an earlier row", "half as much again", "a column", "no line"])
def test_all_is_looked_at_where_more_than_a_few_rows_is_new(table, tmp_path, change):
    path, out = tmp_path / "t.csv", tmp_path / "out"
    write(table, path)
    scan([path], out=out)
    if change == "an earlier row":
        write(table.with_columns(city=pl.lit("Rome")).vstack(table[:1]), path)
    elif change == "half as much again":
        add(table.sample(ROWS * 2 // 3, seed=1), path)
    elif change == "a column":
        write(
            table.with_columns(more=pl.col("dose") * 2).vstack(
                table[:0].with_columns(more=pl.col("dose"))
            ),
            path,
        )
    assert "appended" not in scan([path], out=out).summary
