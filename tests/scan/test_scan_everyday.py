"""Accidents of everyday tables and logs: places, clocks, units, codes, forms. Each beside a clean one of its like."""

import random
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from labhand.scan import scan


@pytest.fixture
def draw():
    return random.Random(21)


def told(columns, rule, tmp_path):
    """The rows that a rule tells of a table, claim by claim; notes are left out."""
    path = tmp_path / "data.parquet"
    pl.DataFrame(columns, strict=False).write_parquet(path)
    found = [f for f in scan([path], select=[rule]).findings if f.rule == rule]
    return [sorted(f.where.rows) for f in found if f.severity != "note"]


def test_places_that_are_elsewhere_are_found(draw, tmp_path):
    lat = [round(draw.gauss(48, 2), 4) for _ in range(300)]
    lon = [round(draw.gauss(9, 3), 4) for _ in range(300)]
    table = {"station": [f"s{at}" for at in range(300)], "lat": lat, "lon": lon}
    assert told(table, "impossible-value", tmp_path) == []
    lat[5], lon[5] = lon[5], lat[5]
    lat[80] = lon[80] = 0.0
    lat[200] = -lat[200]
    assert told(table, "impossible-value", tmp_path) == [[5, 80, 200]]


def test_places_all_over_the_world_are_left_alone(draw, tmp_path):
    table = {
        "latitude": [round(draw.uniform(-55, 70), 3) for _ in range(400)],
        "longitude": [round(draw.uniform(-180, 180), 3) for _ in range(400)],
    }
    assert told(table, "impossible-value", tmp_path) == []


def test_a_stretch_of_rows_in_another_unit_is_found(draw, tmp_path):
    paid = [round(draw.lognormvariate(4, 0.6), 2) for _ in range(600)]
    visits = [draw.randint(0, 9) for _ in range(600)]
    table = {"paid": paid, "visits": visits}
    assert told(table, "impossible-value", tmp_path) == []
    for at in range(300, 324):
        paid[at] = round(paid[at] * 100)
    assert told(table, "impossible-value", tmp_path) == [list(range(300, 324))]


def test_a_stretch_of_larger_things_is_no_unit(draw, tmp_path):
    large = range(200, 230)
    paid = [round(draw.gauss(50, 6) * (2.3 if at in large else 1), 2) for at in range(500)]
    weight = [round(draw.gauss(5, 1) * (2.1 if at in large else 1), 2) for at in range(500)]
    assert told({"paid": paid, "weight": weight}, "impossible-value", tmp_path) == []


def test_days_in_fahrenheit_are_found_among_days_below_zero(draw, tmp_path):
    warm = [round(4 + 9 * ((at % 300) / 150 - 1) + draw.gauss(0, 2), 1) for at in range(600)]
    table = {"temp_max": warm, "wind": [round(draw.gauss(3, 1), 1) for _ in range(600)]}
    assert told(table, "impossible-value", tmp_path) == []
    for at in range(400, 425):
        warm[at] = round(warm[at] * 1.8 + 32, 1)
    assert told(table, "impossible-value", tmp_path) == [list(range(400, 425))]


def test_ages_that_do_not_go_with_birth_and_visit_are_found(draw, tmp_path):
    born = [date(draw.randint(1940, 2000), draw.randint(1, 12), draw.randint(1, 28)) for _ in range(300)]  # fmt: skip
    seen = [date(2023, draw.randint(1, 12), draw.randint(1, 28)) for _ in range(300)]
    age = [s.year - b.year - ((s.month, s.day) < (b.month, b.day)) for s, b in zip(seen, born, strict=True)]  # fmt: skip
    table = {"birth_date": list(map(str, born)), "visit": list(map(str, seen)), "age": age}
    assert told(table, "dependency-violation", tmp_path) == []
    for at in (9, 77, 150):
        age[at] += draw.choice([-20, 11, 31])
    assert told(table, "dependency-violation", tmp_path) == [[9, 77, 150]]


def test_a_clock_that_jumps_stands_still_or_goes_back_is_found(draw, tmp_path):
    start = datetime(2024, 3, 1, tzinfo=UTC)
    at = [start + timedelta(minutes=10 * row) for row in range(400)]
    table = {"time": at, "level": [round(draw.gauss(3, 1), 3) for _ in range(400)]}
    assert told(table, "missing", tmp_path) == []
    for row in range(150, 400):
        at[row] += timedelta(hours=5)
    at[300] = at[299]
    at[350], at[351] = at[351], at[350]
    gaps, still = sorted(told(table, "missing", tmp_path), key=len, reverse=True)
    assert 150 in gaps and still == [300, 351]


def test_answers_in_a_straight_line_are_found(draw, tmp_path):
    table = {
        f"q{n}": [min(5, max(1, round(draw.gauss(3, 1.2)))) for _ in range(300)] for n in range(9)
    }
    assert told(table, "stuck-value", tmp_path) == []
    for row in (7, 90, 200):
        for name in table:
            table[name][row] = 1 + row % 5
    assert told(table, "stuck-value", tmp_path) == [[7, 90, 200]]


def test_a_source_that_counts_its_labels_from_one_is_found(draw, tmp_path):
    site = [draw.choice("ABC") for _ in range(600)]
    x = [round(draw.gauss(0, 1), 3) for _ in range(600)]
    label = [int(v > -0.5) + int(v > 0.8) for v in x]
    table = {"x": x, "site": site, "label": label}
    assert told(table, "wrong-label", tmp_path) == []
    rows = [row for row in range(600) if site[row] == "C"]
    for row in rows:
        label[row] += 1
    assert rows in told(table, "wrong-label", tmp_path)


@pytest.mark.parametrize(
    ("usual", "odd"),
    [
        (lambda at: f"anna.{at}@mail.org", ["anna.7(at)mail.org", "ben"]),
        (lambda at: f"INV-{10000 + at}", ["INV12", "10077"]),
        (lambda at: ["DE", "FR", "US"][at % 3], ["Germany", "USA"]),
        (lambda at: "C" * (at % 7 + 1) + "(=O)N", ["CC(=O", "CCO)C"]),
    ],
)  # fmt: skip
def test_cells_of_another_form_are_found(usual, odd, tmp_path):
    cells = [usual(at) for at in range(200)]
    assert told({"code": cells}, "mixed-types", tmp_path) == []
    cells[30], cells[140] = odd
    assert told({"code": cells}, "mixed-types", tmp_path) == [[30, 140]]


def test_names_are_of_many_forms_rightly(draw, tmp_path):
    first, last = ["Anna", "Jean-Luc", "O'Neil", "Maria"], ["van Dyk", "Meyer", "MacLeod", "Li"]
    names = [f"{draw.choice(first)} {draw.choice(last)}" for _ in range(300)]
    assert told({"name": names}, "mixed-types", tmp_path) == []


def test_tokens_beyond_the_vocabulary_and_endless_lists_are_found(draw, tmp_path):
    lists = [[draw.randint(0, 3000) for _ in range(draw.randint(20, 60))] for _ in range(300)]
    table = {"input_ids": lists}
    assert told(table, "impossible-value", tmp_path) == []
    assert told(table, "overlong", tmp_path) == []
    lists[8][3] = 4100
    lists[90] = [draw.randint(0, 3000) for _ in range(700)]
    assert told(table, "impossible-value", tmp_path) == [[8]]
    assert told(table, "overlong", tmp_path) == [[90]]


def test_addresses_and_keys_in_paths_are_found(draw, tmp_path):
    paths = [f"/items/{draw.randint(1, 900)}" for _ in range(300)]
    assert told({"path": paths}, "personal-data", tmp_path) == []
    paths[4] = "/search?q=petra-lind@gmail.com"
    paths[9] = "/items?access_token=ghp_" + "".join(draw.choice("aB3dE6gH9") for _ in range(36))
    assert told({"path": paths}, "personal-data", tmp_path) == [[4]]
    assert told({"path": paths}, "secret", tmp_path) == [[9]]
    people = {"mail": [f"anna{at}@web.de" for at in range(300)]}
    assert told(people, "personal-data", tmp_path) == []


def test_what_a_model_says_before_a_translation_is_found(draw, tmp_path):
    words = "der alte Mann sieht das rote Haus und die Frau kauft ein Buch im Winter".split()
    said = [" ".join(draw.sample(words, 9)).capitalize() + "." for _ in range(200)]
    table = {"source": [f"text number {at} of the book" for at in range(200)], "de": said}
    assert told(table, "boilerplate", tmp_path) == []
    said[3] = f"Sure! The German translation is: {said[3]}"
    said[50] = f"Here is the translation: {said[50]}"
    assert told(table, "boilerplate", tmp_path) == [[3, 50]]


def test_a_number_that_the_others_tell_is_found_where_they_tell_another(draw, tmp_path):
    height = [draw.gauss(170, 9) for _ in range(400)]
    weight = [0.42 * tall + draw.gauss(0, 9) for tall in height]
    index = [round(kg / (tall / 100) ** 2, 1) for kg, tall in zip(weight, height, strict=True)]
    table = {
        "height": [round(tall, 1) for tall in height],
        "weight": [round(kg, 1) for kg in weight],
        "bmi": index,
    }
    assert told(table, "dependency-violation", tmp_path) == []
    for at in (20, 150, 333):
        table["weight"][at] = round(140 - table["weight"][at] + 25, 1)
    assert told(table, "dependency-violation", tmp_path) == [[20, 150, 333]]


@pytest.mark.parametrize("seed", range(4))
def test_columns_that_only_go_along_have_tails(seed, tmp_path):
    draw = random.Random(seed)
    going = [draw.gauss(0, 1) for _ in range(500)]
    loose = [value + 0.01 * draw.gauss(0, 1) / max(0.05, draw.random()) for value in going]
    table = {"a": going, "b": loose, "c": [value**3 for value in going]}
    assert told(table, "dependency-violation", tmp_path) == []


def test_measures_that_stand_still_together_are_one_claim(draw, tmp_path):
    table = {name: [draw.gauss(20, 3) for _ in range(400)] for name in ("temp", "hum", "co2")}
    for column in table.values():
        column[200:240] = [column[200]] * 40
    assert told(table, "stuck-value", tmp_path) == [list(range(200, 240))]
