"""What a table of everyday work hides: made data with known rows, each beside a clean one of the same look."""

import random
import string
from datetime import date, timedelta

import polars as pl
import pytest

from labhand.scan import scan

WORDS = "river stone letter morning winter garden window corner market engine yellow silver".split()


@pytest.fixture
def draw():
    return random.Random(4)


def told(frame, rule, tmp_path):
    """The rows that a rule tells of a table, and how grave it is; nothing where it is quiet."""
    path = tmp_path / "data.parquet"
    frame.write_parquet(path)
    found = [f for f in scan([path], select=[rule]).findings if f.rule == rule]
    return [(f.where.rows, f.severity) for f in found]


def items(draw, number=60):
    """Questions with four choices each, and the place of the right one."""
    return [
        {
            "question": f"What is {(a := draw.randint(10, 60))} and {(b := draw.randint(61, 99))}?",
            "choices": [str(a + b + (k - right) * 3) for k in range(4)],
            "answer": right,
            "subject": draw.choice(["sums", "numbers"]),
        }
        for right in (draw.randrange(4) for _ in range(number))
    ]


def test_a_choice_that_is_offered_twice_is_found(draw, tmp_path):
    each = items(draw)
    assert told(pl.DataFrame(each), "exact-duplicate", tmp_path) == []
    for row in (7, 31):
        each[row]["choices"][3] = each[row]["choices"][1]
    assert told(pl.DataFrame(each), "exact-duplicate", tmp_path) == [([7, 31], "warning")]


def test_a_question_that_gives_its_answer_away_is_found(draw, tmp_path):
    each = items(draw)
    each[3]["question"] += " Give the right answer."
    assert told(pl.DataFrame(each), "label-copy", tmp_path) == []
    for row in (5, 50):
        right = each[row]["choices"][each[row]["answer"]]
        each[row]["question"] += f" (The answer is {right}.)"
    assert told(pl.DataFrame(each), "label-copy", tmp_path) == [([5, 50], "warning")]


def test_a_subject_whose_right_choice_never_moves_is_found(draw, tmp_path):
    each = items(draw)
    assert told(pl.DataFrame(each), "same-answer", tmp_path) == []
    for item in each:
        if item["subject"] == "sums":
            item["answer"] = 2
    ((rows, severity),) = told(pl.DataFrame(each), "same-answer", tmp_path)
    assert rows[:3] == [i for i, e in enumerate(each) if e["subject"] == "sums"][:3]
    assert severity == "warning"


def test_days_that_programs_write_for_none_are_found(draw, tmp_path):
    days = [
        f"{draw.randint(2015, 2023)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"
        for _ in range(300)
    ]
    frame = pl.DataFrame({"visit": days, "dose": [draw.gauss(5, 1) for _ in days]})
    assert told(frame, "disguised-missing", tmp_path) == []
    for row in (4, 90, 222):
        days[row] = "1900-01-01"
    frame = frame.with_columns(visit=pl.Series(days))
    assert told(frame, "disguised-missing", tmp_path) == [([4, 90, 222], "warning")]


def test_births_of_a_century_hold_its_first_days(draw, tmp_path):
    days = [
        f"{draw.randint(1890, 1990)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"
        for _ in range(300)
    ]
    days[3] = days[60] = "1900-01-01"
    assert told(pl.DataFrame({"born": days}), "disguised-missing", tmp_path) == []


def test_cells_filled_with_the_mean_are_found(draw, tmp_path):
    cells = [round(draw.gauss(61, 9), 1) for _ in range(800)]
    assert told(pl.DataFrame({"weight": cells}), "disguised-missing", tmp_path) == []
    gone = sorted(draw.sample(range(800), 60))
    mean = sum(c for i, c in enumerate(cells) if i not in gone) / (800 - 60)
    for row in gone:
        cells[row] = mean
    ((rows, _),) = told(pl.DataFrame({"weight": cells}), "disguised-missing", tmp_path)
    assert rows == gone[: len(rows)] and len(rows) >= 10


def test_a_few_signs_that_were_lost_are_found_and_a_tail_is_not(draw, tmp_path):
    amounts = [round(draw.lognormvariate(4, 0.4), 2) for _ in range(900)]
    assert told(pl.DataFrame({"amount": amounts}), "impossible-value", tmp_path) == []
    for row in (8, 500):
        amounts[row] *= -1
    ((rows, _),) = told(pl.DataFrame({"amount": amounts}), "impossible-value", tmp_path)
    assert sorted(rows) == [8, 500]
    tail = pl.DataFrame({"change": [round(draw.gauss(2.7, 1), 2) for _ in range(900)]})
    assert told(tail, "impossible-value", tmp_path) == []


def text(draw, letters):
    words = []
    while sum(map(len, words)) + len(words) < letters:
        words.append(draw.choice(WORDS) + draw.choice(string.ascii_lowercase))
    return " ".join(words)


def test_texts_cut_at_a_length_that_is_not_the_longest_are_found(draw, tmp_path):
    whole = [text(draw, draw.randint(40, 900)) + "." for _ in range(1500)]
    ask = [text(draw, 30) + "?" for _ in whole]
    frame = pl.DataFrame({"prompt": ask, "response": whole})
    assert told(frame, "truncated-text", tmp_path) == []
    cut = [row for row, one in enumerate(whole) if len(one) > 513][::3]
    for row in cut:
        whole[row] = whole[row][:512]
    frame = pl.DataFrame({"prompt": ask, "response": whole})
    ((rows, _),) = told(frame, "truncated-text", tmp_path)
    assert set(rows) <= set(cut)


def visits(draw, clinics, mixed=()):
    """Rows of train and test, split by clinic but for those of `mixed`."""
    splits = {"train": [], "test": []}
    for clinic in range(clinics):
        for visit in range(8):
            name = "test" if clinic % 4 == 0 else "train"
            if clinic in mixed and visit == 0:
                name = "test" if name == "train" else "train"
            splits[name].append(
                {"site": f"s{clinic}", "dose": draw.gauss(5, 1), "y": draw.choice("ab")}
            )
    return {name: pl.DataFrame(rows) for name, rows in splits.items()}


@pytest.mark.parametrize(("mixed", "number"), [((), 0), ((1, 2, 5), 3)])
def test_a_split_by_a_key_that_nobody_named_is_held_to_it(draw, tmp_path, mixed, number):
    splits = visits(draw, 120, mixed)
    for name, frame in splits.items():
        frame.write_parquet(tmp_path / f"{name}.parquet")
    found = [f for f in scan([tmp_path], select=["group-leak"]).findings]
    assert sum(f.where.rows_total for f in found) == number


def test_values_that_people_choose_are_no_cut(draw, tmp_path):
    chosen = [float(draw.choice([10, 20, 25, 50, 100])) for _ in range(400)]
    frame = pl.DataFrame(
        {"pledge": [*chosen, *(round(draw.uniform(1, 100), 2) for _ in range(2000))]}
    )
    assert all(severity == "note" for _, severity in told(frame, "clipped-value", tmp_path))


def day(number):
    return (date(2023, 1, 1) + timedelta(days=number)).isoformat()


def test_days_that_changed_their_order_are_found(draw, tmp_path):
    begun = [draw.randint(0, 500) for _ in range(400)]
    ended = [b + draw.randint(3, 200) for b in begun]
    frame = pl.DataFrame({"policy_start": map(day, begun), "incident": map(day, ended)})
    assert told(frame, "dependency-violation", tmp_path) == []
    for row in (9, 120, 333):
        ended[row] = begun[row] - draw.randint(20, 60)
    frame = pl.DataFrame({"policy_start": map(day, begun), "incident": map(day, ended)})
    ((rows, _),) = told(frame, "dependency-violation", tmp_path)
    assert sorted(rows) == [9, 120, 333]


def test_high_and_low_that_were_exchanged_are_found_once(draw, tmp_path):
    close = [30 + draw.gauss(0, 4) for _ in range(600)]
    bars = [(c - draw.uniform(0.1, 0.5), c, c + draw.uniform(0.1, 0.5)) for c in close]
    frame = pl.DataFrame(bars, schema=["low", "close", "high"], orient="row")
    assert told(frame, "dependency-violation", tmp_path) == []
    for row in (5, 50, 500):
        low, middle, high = bars[row]
        bars[row] = (high, middle, low)
    frame = pl.DataFrame(bars, schema=["low", "close", "high"], orient="row")
    ((rows, _),) = told(frame, "dependency-violation", tmp_path)
    assert sorted(rows) == [5, 50, 500]


def test_refunds_break_no_rule(draw, tmp_path):
    price = {f"A{k}": draw.choice([9, 49, 199]) for k in range(40)}
    rows = [(a := draw.choice(list(price)), "charge", price[a]) for _ in range(900)]
    for row in range(0, 900, 60):
        rows[row] = (rows[row][0], "refund", -rows[row][2])
    frame = pl.DataFrame(rows, schema=["account", "kind", "amount"], orient="row")
    assert told(frame, "dependency-violation", tmp_path) == []


def test_degrees_of_the_other_scale_are_found(draw, tmp_path):
    degrees = [round(draw.gauss(36.8, 0.4), 1) for _ in range(500)]
    odd = sorted(draw.sample(range(500), 30))
    for row in odd:
        degrees[row] = round(degrees[row] * 1.8 + 32, 1)
    ((rows, _),) = told(pl.DataFrame({"temperature": degrees}), "impossible-value", tmp_path)
    assert sorted(rows) == odd


def test_codes_that_lost_their_zeros_and_names_that_became_dates_are_found(draw, tmp_path):
    codes = [f"{draw.randint(1000, 99999):05}" for _ in range(200)]
    codes[:3] = ["01067", "04109", "09111"]
    names = [f"{draw.choice('ABCD')}{draw.choice('RSTX')}F{draw.randint(1, 99)}" for _ in codes]
    path = tmp_path / "data.csv"
    for row in (20, 70):
        codes[row] = "1067"
        names[row] = "2-Sep"
    path.write_text("plz,gene\n" + "".join(f"{c},{n}\n" for c, n in zip(codes, names, strict=True)))
    found = {
        tuple(f.where.columns): f.where.rows for f in scan([path], select=["mixed-types"]).findings
    }
    assert found == {("plz",): [20, 70], ("gene",): [20, 70]}


def test_names_read_in_another_encoding_are_found(draw, tmp_path):
    names = [draw.choice(["Müller", "Köhler", "Krause", "Weber"]) for _ in range(90)]
    odd = [row for row in range(40, 60) if not names[row].isascii()]
    for row in odd:
        names[row] = names[row].encode().decode("cp1252")
    ((rows, _),) = told(pl.DataFrame({"name": names}), "encoding-damage", tmp_path)
    assert sorted(rows) == odd


def test_what_is_filled_in_after_the_outcome_gives_it_away(draw, tmp_path):
    rows = [(round(draw.gauss(50, 9), 2), draw.random() < 0.3) for _ in range(600)]
    fees = [
        round(draw.uniform(10, 900), 2) if bad and draw.random() < 0.5 else 0.0 for _, bad in rows
    ]
    frame = pl.DataFrame(
        {"income": [r[0] for r in rows], "fees": fees, "label": [int(r[1]) for r in rows]}
    )
    assert told(frame, "label-copy", tmp_path) == [([], "error")]
    fees[next(i for i, r in enumerate(rows) if not r[1])] = 12.5
    frame = frame.with_columns(fees=pl.Series(fees))
    assert told(frame, "label-copy", tmp_path) == []


def sensors(draw, rows=1500):
    return [
        (f"p{k % 5}", round(draw.gauss(50 + 3 * (k % 5), 2), 2), round(draw.gauss(9, 1), 2))
        for k in range(rows)
    ]


def test_one_sensor_that_saturates_is_found(draw, tmp_path):
    each = sensors(draw)
    names = ["pump", "flow", "current"]
    assert told(pl.DataFrame(each, schema=names, orient="row"), "clipped-value", tmp_path) == []
    each = [(p, min(f, 54.1) if p == "p1" else f, c) for p, f, c in each]
    odd = [row for row, (p, f, _) in enumerate(each) if p == "p1" and f == 54.1]
    ((rows, _),) = told(pl.DataFrame(each, schema=names, orient="row"), "clipped-value", tmp_path)
    assert sorted(rows) == odd


def test_a_column_sorted_by_itself_in_one_group_is_found(draw, tmp_path):
    rows = []
    for school in "abcd":
        for _ in range(120):
            skill = draw.gauss(65, 12)
            rows.append(
                [school, round(skill + draw.gauss(0, 4), 1), round(skill + draw.gauss(0, 4), 1)]
            )
    frame = pl.DataFrame(rows, schema=["school", "first", "final"], orient="row")
    assert told(frame, "ordered-rows", tmp_path) == []
    last = sorted(r[2] for r in rows if r[0] == "c")
    for row, value in zip([r for r in rows if r[0] == "c"], last, strict=True):
        row[2] = value
    frame = pl.DataFrame(rows, schema=["school", "first", "final"], orient="row")
    ((found, severity),) = told(frame, "ordered-rows", tmp_path)
    assert found == list(range(240, 360)) and severity == "error"


def test_stars_that_one_shop_counts_the_other_way_are_found(draw, tmp_path):
    rows = []
    for _ in range(700):
        stars, shop = draw.randint(1, 5), draw.choice(["uk", "us", "de", "fr"])
        rows.append([shop, round(stars + draw.gauss(0, 0.8), 2), round(draw.gauss(0, 1), 2), stars])
    names = ["shop", "warmth", "length", "stars"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    assert all("other way" not in f.message for f in scan_of(frame, tmp_path))
    for row in rows:
        row[3] = 6 - row[3] if row[0] == "de" else row[3]
    (found,) = [
        f
        for f in scan_of(pl.DataFrame(rows, schema=names, orient="row"), tmp_path)
        if "other way" in f.message
    ]
    assert found.where.rows_total == sum(r[0] == "de" for r in rows)


def scan_of(frame, tmp_path):
    frame.write_parquet(tmp_path / "data.parquet")
    return scan([tmp_path / "data.parquet"], select=["wrong-label"]).findings


def persons(draw, rows=400):
    return [
        {
            "person": f"P{k:05}",
            "site": draw.choice(["north", "south", "east", "west"]),
            "weight": round(draw.gauss(72, 10), 1),
            "seen": day(draw.randint(0, 300)),
            "grade": draw.choice([1, 2, 3, 4, 5]),
        }
        for k in range(rows)
    ]


def spoilt(each, row, **cells):
    each[row] = each[row] | cells


@pytest.mark.parametrize(
    ("rule", "spoil", "wanted"),
    [
        ("dependency-violation", lambda e: spoilt(e, 50, person="P00007"), [50]),
        ("impossible-value", lambda e: spoilt(e, 30, seen="2203-01-04"), [30]),
        ("impossible-value", lambda e: spoilt(e, 12, grade=7), [12]),
    ],
)
def test_one_cell_of_a_person_is_found(draw, tmp_path, rule, spoil, wanted):
    each = persons(draw)
    assert told(pl.DataFrame(each), rule, tmp_path) == []
    spoil(each)
    assert told(pl.DataFrame(each), rule, tmp_path) == [(wanted, "warning")]


def test_a_site_that_weighs_in_pounds_is_found(draw, tmp_path):
    each = persons(draw)
    for person in each:
        person["weight"] *= 2.2046 if person["site"] == "west" else 1
    ((rows, _),) = told(pl.DataFrame(each), "impossible-value", tmp_path)
    assert sorted(rows) == [k for k, p in enumerate(each) if p["site"] == "west"]


def test_names_of_files_that_tell_the_label_are_found(draw, tmp_path):
    labels = [draw.choice(["pos", "neg"]) for _ in range(300)]
    frame = pl.DataFrame({"label": labels, "file": [f"scan_{k:04}.png" for k in range(300)]})
    assert told(frame, "label-copy", tmp_path) == []
    frame = frame.with_columns(file=pl.Series(f"{y[0]}_{k:04}.png" for k, y in enumerate(labels)))
    assert told(frame, "label-copy", tmp_path) == [([], "error")]


def test_a_time_that_one_station_has_twice_is_found(draw, tmp_path):
    each = [
        {"time": f"{day(k // 3)} 06:00:00", "station": "abc"[k % 3], "rain": draw.random()}
        for k in range(600)
    ]
    names = [f"{e['station']}1" for e in each]
    frame = pl.DataFrame(each).with_columns(station=pl.Series(names))
    assert told(frame, "dependency-violation", tmp_path) == []
    each[303]["time"] = each[300]["time"]
    frame = pl.DataFrame(each).with_columns(station=pl.Series(names))
    assert told(frame, "dependency-violation", tmp_path) == [([303], "warning")]
