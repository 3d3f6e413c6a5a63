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


def two(train, test, rule, tmp_path):
    """The rows that a rule tells of two splits, and how grave it is; notes are left out."""
    paths = {name: tmp_path / f"{name}.parquet" for name in ("train", "test")}
    pl.DataFrame(train).write_parquet(paths["train"])
    pl.DataFrame(test).write_parquet(paths["test"])
    found = scan([], splits=paths, select=[rule]).findings
    return [(f.where.columns, sorted(f.where.rows)) for f in found if f.severity != "note"]


def measured(draw, number):
    """Measures of things of three classes, which follow from them."""
    rows = [[round(draw.gauss(0, 1), 3) for _ in range(3)] for _ in range(number)]
    return {"a": [r[0] for r in rows], "b": [r[1] for r in rows], "c": [round(200 + 40 * r[2], 2) for r in rows], "label": [r.index(max(r)) for r in rows]}  # fmt: skip


def test_a_split_that_is_scaled_or_labelled_otherwise_is_found(draw, tmp_path):
    train, test = measured(draw, 400), measured(draw, 200)
    assert two(train, test, "split-drift", tmp_path) == []
    assert two(train, test, "wrong-label", tmp_path) == []
    test["c"] = [round((v - 200) / 40, 3) for v in test["c"]]
    assert two(train, test, "split-drift", tmp_path) == [(["c"], [])]
    test["c"] = [round(200 + 40 * v, 2) for v in test["c"]]
    test["label"] = [(v + 1) % 3 for v in test["label"]]
    assert (["label"], []) in two(train, test, "wrong-label", tmp_path)


def test_groups_of_two_splits_are_one_however_they_are_written(draw, tmp_path):
    def visits(first, last, number):
        people = [f"Pat-{draw.randint(first, last):03}" for _ in range(number)]
        return {"patient_id": people, "x": [draw.random() for _ in people]}

    train, test = visits(1, 90, 400), visits(91, 150, 150)
    assert two(train, test, "group-leak", tmp_path) == []
    for row in (4, 80):
        test["patient_id"][row] = train["patient_id"][row].lower().replace("-", "")
    assert two(train, test, "group-leak", tmp_path) == [(["patient_id"], [4, 80])]


def test_shares_that_do_not_sum_up_are_found(draw, tmp_path):
    rows = [[round(v / sum(r), 4) for v in r] for r in ([draw.random() for _ in range(3)] for _ in range(200))]  # fmt: skip
    code = [draw.randrange(3) for _ in rows]
    table = {f"p_{n}": [r[n] for r in rows] for n in range(3)}
    table |= {f"is_{n}": [int(c == n) for c in code] for n in range(3)}
    assert told(pl.DataFrame(table), "dependency-violation", tmp_path) == []
    table["p_1"][8] += 0.5
    table["is_0"][90] = table["is_1"][90] = 1
    assert told(pl.DataFrame(table), "dependency-violation", tmp_path) == [[8], [90]]


def test_lists_that_hold_an_item_twice_are_found(draw, tmp_path):
    items = [draw.sample(range(1000), 8) for _ in range(200)]
    assert told(pl.DataFrame({"items": items}), "dependency-violation", tmp_path) == []
    items[17][3] = items[17][5]
    assert told(pl.DataFrame({"items": items}), "dependency-violation", tmp_path) == [[17]]
