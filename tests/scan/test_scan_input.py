"""What `labhand scan` makes of files as they come: packed, split, mixed, damaged, protected."""

import bz2
import gzip
import json
import lzma
import zipfile

import numpy as np
import polars as pl
import pytest

from labhand.core.errors import InputError
from labhand.scan import columns, open_data, scan
from labhand.scan.data import Part

NONE_OF_THEM = ["constant-column"]
"""A detector, where only the reading is looked at."""


@pytest.fixture
def table():
    generator = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "dose": generator.normal(5, 1, 60).round(3),
            "kind": generator.choice(["red", "green", "blue"], 60),
            "label": generator.choice(["a", "b"], 60),
        }
    )


def only(findings, rule):
    (found,) = [f for f in findings.findings if f.rule == rule]
    return found


def whys(findings):
    return "\n".join(s.why for s in findings.skipped if s.rule == "*")


@pytest.mark.parametrize(
    "name", ["t.csv.gz", "t.tsv.bz2", "t.jsonl.xz", "t.csv.zst", "t.jsonl.zst"]
)
def test_a_packed_file_is_read_as_what_is_in_it(table, tmp_path, name):
    plain = tmp_path / "plain"
    if ".zst" in name:
        pack = {".csv.zst": "write_csv", ".jsonl.zst": "write_ndjson"}[name[1:]]
        getattr(table, pack)(tmp_path / name, compression="zstd")
    else:
        writers = {".csv": table.write_csv, ".jsonl": table.write_ndjson}
        writers[".tsv"] = lambda path: table.write_csv(path, separator="\t")
        writers[name[1 : name.rindex(".")]](plain)
        packed = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
        (tmp_path / name).write_bytes(packed[name.rpartition(".")[2]](plain.read_bytes()))
    (part,) = open_data([tmp_path / name]).data.parts
    assert part.select("dose", "kind", "label").equals(table)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig", "utf-32", "cp1252"])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_text_is_read_in_whatever_encoding(tmp_path, encoding, suffix):
    frame = pl.DataFrame(
        {"n": range(40), "word": ["café" if i % 3 else "naïve" for i in range(40)]}
    )
    text = frame.write_csv() if suffix == ".csv" else frame.write_ndjson()
    path = tmp_path / f"words{suffix}"
    path.write_bytes(text.encode(encoding))
    opened = open_data([path])
    assert opened.data.parts[0].select("n", "word").equals(frame)
    assert bool(opened.skipped) == (encoding == "cp1252")


def test_rows_in_another_encoding_than_the_rest_are_found(tmp_path):
    lines = [f"{i},café".encode("cp1252" if i in (3, 7) else "utf-8") for i in range(30)]
    path = tmp_path / "mixed.csv"
    path.write_bytes(b"n,word\n" + b"\n".join(lines))
    found = only(scan([path], select=["encoding-damage"]), "encoding-damage")
    assert found.where.rows == [3, 7] and found.severity == "warning"
    path.write_bytes(b"n,word\n" + b"\n".join(f"{i},café".encode("cp1252") for i in range(30)))
    assert only(scan([path], select=["encoding-damage"]), "encoding-damage").severity == "note"


def test_lines_end_as_on_any_machine_and_zeros_are_left_out(table, tmp_path):
    for name, end in (("mac.csv", "\r"), ("dos.csv", "\r\n")):
        (tmp_path / name).write_bytes(table.write_csv().replace("\n", end).encode())
        (part,) = open_data([tmp_path / name]).data.parts
        assert part.select("dose", "kind", "label").equals(table)
    (tmp_path / "zeros.csv").write_bytes(table.write_csv().encode().replace(b"red", b"r\0ed"))
    opened = open_data([tmp_path / "zeros.csv"])
    assert opened.data.parts[0].select("dose", "kind", "label").equals(table)
    assert "bytes of value 0" in opened.skipped[0].why


def test_rows_with_too_few_and_too_many_fields_are_found_among_quotes(table, tmp_path):
    lines = table.write_csv().replace("red", '"red, dark\nand deep"').split("\n")
    text = "\n".join(lines)
    rows = [i for i, row in enumerate(table.rows()) if row[1] == "blue"][:2]
    records = text.split("\n")
    # a record of two lines moves the lines after it down
    at = [
        next(n for n, r in enumerate(records) if r.startswith(f"{table['dose'][row]},"))
        for row in rows
    ]
    records[at[0]] += ",more"
    records[at[1]] = records[at[1]].rpartition(",")[0]
    path = tmp_path / "ragged.csv"
    path.write_text("\n".join(records))
    found = scan([path], select=["shifted-columns"]).findings
    assert sorted((f.where.rows, "many" in f.message) for f in found) == sorted(
        [([rows[0]], True), ([rows[1]], False)]
    )


def test_a_decimal_comma_is_read_where_fields_end_in_semicolons(tmp_path):
    path = tmp_path / "komma.csv"
    path.write_text("id;w\n" + "\n".join(f"{i};{i},5" for i in range(30)))
    (part,) = open_data([path]).data.parts
    assert part.columns["w"].kind == "number" and part.columns["w"].max == 29.5


def test_a_name_that_stands_twice_in_the_header_is_told(tmp_path):
    path = tmp_path / "twice.csv"
    path.write_text("a,a\n" + "\n".join(f"{i},{i % 7}" for i in range(30)))
    assert "`a_duplicated_0`" in whys(scan([path], select=NONE_OF_THEM))


@pytest.mark.parametrize(
    ("whole", "rows", "columns"),
    [
        ({"data": {"items": [{"a": 1}, {"a": 2}]}, "version": 2}, 2, ["a"]),
        ({"x": {"a": 1, "b": 2}, "y": {"a": 3, "b": 4}}, 2, ["key", "a", "b"]),
        ({"a": {"0": 1, "1": 2, "2": 3}, "b": {"0": 4, "1": 5, "2": 6}}, 3, ["a", "b"]),
        ({"columns": ["a", "b"], "data": [[1, 2], [3, 4], [5, 6]]}, 3, ["a", "b"]),
        ({"a": [1, 2], "b": [3, 4]}, 2, ["a", "b"]),
        ([1, "two", None, {"a": 1}, {"a": [1, {"b": 2}]}, {"a": "x"}], 6, ["value", "a"]),
    ],
)
def test_json_of_every_shape_is_a_table(tmp_path, whole, rows, columns):
    path = tmp_path / "data.json"
    path.write_text(json.dumps(whole))
    (part,) = open_data([path]).data.parts
    assert part.rows == rows and part.names == columns


def test_arrays_of_splits_are_parts_and_columns_of_several_scales_a_table(tmp_path):
    generator = np.random.default_rng(0)
    arrays = {"x_train": generator.normal(size=(40, 5)), "y_train": np.arange(40) % 2}
    arrays |= {"x_test": generator.normal(size=(20, 5)), "y_test": np.arange(20) % 2}
    np.savez(tmp_path / "set.npz", **arrays)
    data = open_data([tmp_path / "set.npz"]).data
    assert [(p.split, p.rows, p.names) for p in data.parts] == [
        ("train", 40, ["x", "y"]),
        ("test", 20, ["x", "y"]),
    ]
    np.save(tmp_path / "table.npy", generator.normal(size=(50, 3)) * [1, 100, 1])
    (part,) = open_data([tmp_path / "table.npy"]).data.parts
    assert part.names == ["column_1", "column_2", "column_3"]
    np.save(tmp_path / "odd.npy", np.array([(1, b"x")] * 9, dtype=[("n", "i4"), ("s", "S3")]))
    assert open_data([tmp_path / "odd.npy"]).data.parts[0].names == ["n", "s"]


def test_shards_are_one_table_however_they_are_named_and_others_are_not(table, tmp_path):
    for at in range(3):
        table.with_columns(n=pl.lit(at)).write_parquet(tmp_path / f"a-{at:05}-of-00003.parquet")
    shards = sorted(tmp_path.glob("a-*"))
    for named in ([tmp_path], [tmp_path / "a-*.parquet"], shards):
        (part,) = open_data(named).data.parts
        assert part.rows == 180 and [first for _, first in part.files] == [0, 60, 120]
    shards[1].unlink()
    table.rename({"kind": "colour"}).write_parquet(shards[1])
    opened = open_data([tmp_path])
    assert sorted(p.rows for p in opened.data.parts) == [60, 120]
    assert "other columns" in opened.skipped[0].why


def test_rows_of_shards_are_counted_over_all_of_them(tmp_path):
    for at in range(2):
        (tmp_path / f"part-{at}.jsonl").write_text('{"a": 1}\n{"a": \n{"a": 3}\n')
    (part,) = open_data([tmp_path]).data.parts
    assert part.select("__row__", "a").rows() == [(0, 1), (2, 3), (3, 1), (5, 3)]


def test_a_damaged_shard_does_not_stop_the_others(table, tmp_path):
    for at in range(3):
        table.write_parquet(tmp_path / f"a-{at}.parquet", compression="snappy")
    broken = bytearray((tmp_path / "a-1.parquet").read_bytes())
    broken[100:400] = bytes(300)
    (tmp_path / "a-1.parquet").write_bytes(broken)
    findings = scan([tmp_path], select=NONE_OF_THEM)
    assert findings.summary["rows"] == 120
    assert "a-1.parquet is damaged" in whys(findings) and "a-0" not in whys(findings)


def test_what_is_not_read_says_what_to_do(table, tmp_path):
    with zipfile.ZipFile(tmp_path / "plain.zip", "w") as archive:
        archive.writestr("a.csv", "a,b\n1,2\n")
    locked = bytearray((tmp_path / "plain.zip").read_bytes())
    locked[6] |= 1
    (tmp_path / "locked.zip").write_bytes(locked)
    (tmp_path / "locked.xlsx").write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(100))
    (tmp_path / "old.feather").write_bytes(b"FEA1" + bytes(100))
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(table.write_csv().encode())[:100])
    (tmp_path / "cut.json").write_text('[{"a": 1}, {"a')
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    for name, why in (
        ("plain.zip", "is an archive; unpack it"),
        ("locked.zip", "a password protects"),
        ("locked.xlsx", "a password protects"),
        ("old.feather", "Feather of version 1"),
        ("cut.csv.gz", "is no whole .gz file"),
        ("cut.json", "is no JSON that can be read"),
        ("objects.npy", "Python objects"),
    ):
        with pytest.raises(InputError, match=why) as raised:
            scan([tmp_path / name])
        assert "\n" not in str(raised.value)
    table.write_csv(tmp_path / "good.csv")
    assert scan([tmp_path], select=NONE_OF_THEM).summary["rows"] == 60


def test_dates_in_several_forms_are_told(tmp_path):
    forms = ("%Y-%m-%d", "%d/%m/%Y", "%b %d, %Y")
    days = pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 4, 29), eager=True).to_list()
    path = tmp_path / "dates.parquet"
    pl.DataFrame({"date": [d.strftime(forms[i % 3]) for i, d in enumerate(days)]}).write_parquet(
        path
    )
    found = only(scan([path], select=["mixed-types"]), "mixed-types")
    assert "in 3 forms" in found.message and found.where.rows_total == 80


def test_wide_tables_are_profiled_as_narrow_ones(monkeypatch):
    generator = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "a": generator.normal(size=99),
            "b": generator.integers(0, 5, 99),
            "c": pl.Series([None] * 99, dtype=pl.Float64),
            "d": [float("nan")] * 50 + [1.0, None, float("inf")] * 16 + [2.0],
            "e": [None] * 98 + [3.5],
        }
    )
    narrow = Part("narrow", None, frame).columns
    monkeypatch.setattr(columns, "AT_ONCE", 3)
    wide = Part("wide", None, frame).columns
    for name in frame.columns:
        for one, other in zip(narrow[name], wide[name], strict=True):
            assert one == (pytest.approx(other) if isinstance(other, float) else other)


def coco(tmp_path, boxes, images=4):
    (tmp_path / "images").mkdir()
    (tmp_path / "annotations").mkdir()
    for at in range(3):
        pixels = "\n".join(
            " ".join(str((x * y * (at + 3)) % 200) for x in range(40)) for y in range(30)
        )
        (tmp_path / "images" / f"{at}.pgm").write_text(f"P2\n40 30\n255\n{pixels}\n")
    told = {
        "images": [
            {"id": i, "file_name": f"{i}.pgm", "width": 40, "height": 30} for i in range(images)
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        "annotations": [
            {"image_id": image, "category_id": category, "bbox": box}
            for image, category, box in boxes
        ],
    }
    path = tmp_path / "annotations" / "instances.json"
    path.write_text(json.dumps(told))
    return path


def test_coco_annotations_that_cannot_be_are_found(tmp_path):
    good = [(i % 3, 1 + i % 2, [i, i, 10 + i, 9]) for i in range(9)]
    bad = [(0, 1, [30, 5, 20, 5]), (0, 1, [3, 3, 0, 4]), (0, 9, [1, 1, 3, 3]), (8, 1, [1, 2, 3, 3])]
    bad += [(1, 2, [1, 2, 3]), (1, 2, [-4, 2, 9, 9])]
    path = coco(tmp_path, good + bad)
    for named in (tmp_path, path):
        findings = scan([named], select=["impossible-value", "unreadable-image"])
        told = {
            next(
                w
                for w in ("beyond", "area", "category", "image that", "four", "read")
                if w in f.message
            ): (f.where.rows)
            for f in findings.findings
        }
        assert told == {
            "beyond": [9, 14], "area": [10], "category": [11], "image that": [12], "four": [13], "read": [3],
        }  # fmt: skip


@pytest.mark.parametrize("empty", [1, 3])
@pytest.mark.parametrize("titles", [[], ["Table 1: doses,,", ",,"]])
def test_rows_with_next_to_nothing_below_the_header_are_rows(tmp_path, empty, titles):
    rows = [f"{i},," for i in range(empty)] + [f"{i},text {i},0.{i}" for i in range(empty, 23)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join([*titles, "step,sample,score", *rows, ""]))
    found = scan([path])
    (part,) = open_data([path]).data.parts
    assert part.rows == 23
    assert "score" in part.columns
    assert "exact-duplicate" not in {f.rule for f in found.findings}


def test_an_inspect_log_packed_as_inspect_packs_it_is_read(tmp_path):
    """Inspect packs its logs by Zstandard, which `zipfile` does not know before Python 3.14."""
    path = tmp_path / "log.eval"
    packed = {}
    for number in range(3):
        sample = {"id": f"add-{number}", "epoch": 1, "input": "1+1?", "target": "2", "output": {}}
        sample["output"] = {"completion": f"The answer is {number}", "choices": []}
        line = tmp_path / "line.zst"
        pl.DataFrame({"line": [json.dumps(sample)]}).write_csv(
            line, include_header=False, quote_style="never", separator="\x01", compression="zstd"
        )
        packed[f"samples/add-{number}_epoch_1.json"] = line.read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", json.dumps({"status": "success", "eval": {"run_id": "r"}}))
        for name, raw in packed.items():
            archive.writestr(name, raw)
        entries = [(i.header_offset, i.filename) for i in archive.infolist()]
    raw = bytearray(path.read_bytes())
    for start, name in entries[1:]:
        central = raw.rindex(name.encode()) - 46
        raw[start + 8 : start + 10] = raw[central + 10 : central + 12] = (93).to_bytes(2, "little")
    path.write_bytes(raw)
    for whole in (bytes(raw), bytes(raw[: raw.rindex(b"PK\x01\x02")])):
        path.write_bytes(whole)
        (part,) = open_data([path]).data.parts
        assert part.select("output").to_series().to_list() == [
            f"The answer is {n}" for n in range(3)
        ]
