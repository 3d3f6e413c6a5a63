"""What a table of everyday work hides: made data with known rows, each beside a clean one of the same look."""

import random
import string

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
