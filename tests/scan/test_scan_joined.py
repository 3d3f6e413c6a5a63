"""What several columns, or tables, say together: times and how long, prices and totals, keys of other tables."""

import random
import sqlite3
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from labhand.scan import scan


@pytest.fixture
def draw():
    return random.Random(9)


def told(frame, rule, tmp_path):
    """The rows that a rule tells of a table; nothing where it is quiet."""
    frame.write_parquet(tmp_path / "data.parquet")
    found = scan([tmp_path / "data.parquet"], select=[rule]).findings
    return [sorted(f.where.rows) for f in found if f.severity != "note"]


def test_a_time_of_another_zone_does_not_fit_how_long_it_took(draw, tmp_path):
    rows = []
    for _ in range(400):
        start = datetime(2024, 5, 1, tzinfo=UTC) + timedelta(seconds=draw.randint(0, 3_000_000))
        minutes = round(draw.uniform(2, 70), 1)
        rows.append([start, start + timedelta(minutes=minutes), minutes])

    def frame():
        words = [[f"{s:%Y-%m-%d %H:%M:%S}", f"{e:%Y-%m-%d %H:%M:%S}", m] for s, e, m in rows]
        return pl.DataFrame(words, schema=["started_at", "ended_at", "minutes"], orient="row")

    assert told(frame(), "dependency-violation", tmp_path) == []
    for row in range(100, 120):
        rows[row][1] += timedelta(hours=4)
    assert told(frame(), "dependency-violation", tmp_path) == [list(range(100, 120))]


def orders(draw, number=600):
    rows = []
    for _ in range(number):
        count, price, off = (
            draw.randint(1, 9),
            round(draw.uniform(3, 90), 2),
            draw.choice([0, 0.1, 0.15]),
        )
        rows.append([count, price, float(off), round(count * price * (1 - off), 2)])
    return rows


def test_totals_of_other_rows_are_found_where_a_discount_is_taken_off(draw, tmp_path):
    rows, names = orders(draw), ["quantity", "price", "discount", "total"]
    assert (
        told(pl.DataFrame(rows, schema=names, orient="row"), "dependency-violation", tmp_path) == []
    )
    totals = [r[3] for r in rows]
    for row in range(200, 220):
        rows[row][3] = totals[row + 1]
    ((*found,),) = told(
        pl.DataFrame(rows, schema=names, orient="row"), "dependency-violation", tmp_path
    )
    assert found == list(range(200, 220))


def test_a_fee_that_some_rows_have_is_no_slip(draw, tmp_path):
    rows = [
        [(f := round(draw.uniform(5, 60), 2)), (t := round(draw.uniform(1, 9), 2)), round(f + t, 2)]
        for _ in range(800)
    ]
    for row in range(0, 800, 16):
        rows[row][2] = round(rows[row][2] + 6.94, 2)
    frame = pl.DataFrame(rows, schema=["fare", "tip", "total"], orient="row")
    assert told(frame, "dependency-violation", tmp_path) == []


def test_orders_of_customers_that_are_nowhere_are_found_and_tables_are_no_splits(draw, tmp_path):
    path = tmp_path / "shop.sqlite"
    with sqlite3.connect(path) as base:
        base.execute("create table customers (customer_id integer, city text)")
        base.executemany(
            "insert into customers values (?, ?)", [(k, draw.choice("abc")) for k in range(90)]
        )
        base.execute("create table orders (number integer, customer_id integer, total real)")
        lines = [
            (k, 700 if k in (40, 300) else draw.randrange(90), draw.random()) for k in range(500)
        ]
        base.executemany("insert into orders values (?, ?, ?)", lines)
    base.close()
    found = scan([path], select=["dependency-violation", "group-leak", "split-overlap"]).findings
    assert [(f.rule, f.where.rows) for f in found] == [("dependency-violation", [40, 300])]


def test_a_meter_that_changes_its_unit_is_found(draw, tmp_path):
    rows = [[f"m{k % 6}", round(draw.lognormvariate(-0.7, 0.6) + 0.05, 3)] for k in range(1800)]
    names = ["meter", "kwh"]
    assert told(pl.DataFrame(rows, schema=names, orient="row"), "impossible-value", tmp_path) == []
    odd = [k for k in range(1200, 1800) if rows[k][0] == "m3"]
    for k in odd:
        rows[k][1] = round(rows[k][1] * 1000, 1)
    assert told(pl.DataFrame(rows, schema=names, orient="row"), "impossible-value", tmp_path) == [
        odd
    ]


def test_a_lag_that_is_the_target_over_a_block_is_found(draw, tmp_path):
    sold = [draw.randint(40, 300) for _ in range(1000)]
    frame = pl.DataFrame({"day": range(1000), "lag": [90, *sold[:-1]], "sold": sold})
    assert told(frame, "redundant-column", tmp_path) == []
    lag = [90, *sold[:-1]]
    lag[700:760] = sold[700:760]
    ((*found,),) = told(frame.with_columns(lag=pl.Series(lag)), "redundant-column", tmp_path)
    assert set(range(700, 760)) <= set(found) and len(found) <= 62


def test_answers_that_their_solution_does_not_come_to_are_found(draw, tmp_path):
    rows = []
    for _ in range(120):
        a, b = draw.randint(20, 90), draw.randint(3, 19)
        rows.append(
            [
                f"What is {a} less {b}?",
                f"We take {b} away from {a}, which leaves {a - b}.",
                str(a - b),
            ]
        )
    names = ["question", "solution", "answer"]
    assert told(pl.DataFrame(rows, schema=names, orient="row"), "wrong-arithmetic", tmp_path) == []
    rows[17][2] = "1234"
    assert told(pl.DataFrame(rows, schema=names, orient="row"), "wrong-arithmetic", tmp_path) == [
        [17]
    ]
