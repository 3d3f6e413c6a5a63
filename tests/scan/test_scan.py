"""`labhand scan`: what a person gets, from files to findings and back."""

import json
import random
import sqlite3
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from labhand.core.errors import InputError, UsageError
from labhand.kit import verdicts
from labhand.scan import diff, mend, open_data, scan, telling, undo
from labhand.scan.anomaly import Anomaly, found


@pytest.fixture
def table():
    generator = random.Random(0)
    return pl.DataFrame(
        {
            "dose": [round(generator.gauss(5, 1), 3) for _ in range(60)],
            "level": [round(generator.gauss(50, 9), 3) for _ in range(60)],
            "label": [generator.choice("ab") for _ in range(60)],
        }
    )


@pytest.fixture
def repeated(table, tmp_path):
    path = tmp_path / "data.csv"
    pl.concat([table, table[3:4], table[7:8]]).write_csv(path)
    return path


def only(findings, rule):
    (found,) = [f for f in findings.findings if f.rule == rule]
    return found


def test_a_finding_names_rows_partners_and_the_full_list(repeated, tmp_path):
    out = tmp_path / "out"
    found = only(scan([repeated], select=["exact-duplicate"], out=out), "exact-duplicate")
    assert found.where.rows == [60, 61] and found.where.rows_total == 2
    assert [r.where.rows for r in found.related] == [[3], [7]]
    listed = pl.read_parquet(found.where.rows_file)
    assert listed.columns[:2] == ["row", "score"] and listed["row"].to_list() == [60, 61]


def test_two_claims_about_one_column_keep_their_own_rows(table, tmp_path):
    path = tmp_path / "data.csv"
    table.write_csv(path)
    data, _ = open_data([path])
    claims = [
        Anomaly(data.parts[0], f"row {row} is off", "look", 0.5, found([row]), ["dose"])
        for row in (3, 7, 9)
    ]
    first, second, third = telling.told(
        data, [("row-outlier", claim) for claim in claims], tmp_path, telling.Verdicts([])
    )
    rows = [pl.read_parquet(f.where.rows_file)["row"].to_list() for f in (first, second, third)]
    assert rows == [[3], [7], [9]]
    (alone,) = telling.told(data, [("row-outlier", claims[0])], tmp_path, telling.Verdicts([]))
    assert alone.id == first.id


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_a_patch_is_shown_applied_to_a_copy_and_undone_byte_for_byte(table, tmp_path, suffix):
    path, copy, out = tmp_path / f"data{suffix}", tmp_path / f"copy{suffix}", tmp_path / "out"
    frame = pl.concat([table, table[3:5]])
    writers = {".csv": frame.write_csv, ".parquet": frame.write_parquet}
    writers.get(suffix, frame.write_ndjson)(path)
    before = path.read_bytes()
    found = only(scan([path], select=["exact-duplicate"], out=out), "exact-duplicate")
    patch = Path(found.fix.patch)
    told = "\n".join(diff(patch))
    assert "-60: " in told and "is_in([60, 61])" in told
    assert mend(patch, copy, tmp_path / "home") == 2
    assert open_data([copy]).data.parts[0].rows == 60
    assert path.read_bytes() == before != copy.read_bytes()
    undo(copy)
    assert copy.read_bytes() == before


def test_a_copy_that_was_changed_since_is_not_overwritten(repeated, tmp_path):
    found = only(
        scan([repeated], select=["exact-duplicate"], out=tmp_path / "o"), "exact-duplicate"
    )
    copy = tmp_path / "copy.csv"
    mend(Path(found.fix.patch), copy, tmp_path / "home")
    copy.write_text("mine")
    with pytest.raises(InputError, match="changed since"):
        undo(copy)
    with pytest.raises(UsageError, match="the data itself"):
        mend(Path(found.fix.patch), repeated, tmp_path / "home")


def test_a_fix_that_would_gut_a_class_is_refused(tmp_path):
    rows = [[i * 1.37, i * 0.71 + 3, "a"] for i in range(50)] + [[1.5, 2.5, "b"]] * 10
    frame = pl.DataFrame(rows, schema=["dose", "level", "label"], orient="row")
    frame.write_csv(tmp_path / "data.csv")
    found = only(scan([tmp_path / "data.csv"], select=["exact-duplicate"]), "exact-duplicate")
    assert found.fix is None and "9 of 10 rows" in found.evidence["fix_refused"]


def test_what_a_person_called_fine_is_a_note_from_then_on(repeated, tmp_path):
    found = only(scan([repeated], select=["exact-duplicate"], home=tmp_path), "exact-duplicate")
    assert found.severity == "warning"
    verdicts.add(tmp_path, found, "scan", "fine")
    again = only(scan([repeated], select=["exact-duplicate"], home=tmp_path), "exact-duplicate")
    assert again.severity == "note" and again.confidence <= 0.1


def test_scores_are_of_every_row(repeated, tmp_path):
    scan([repeated], select=["missing"], scores=tmp_path / "scores.parquet")
    told = pl.read_parquet(tmp_path / "scores.parquet")
    assert told["row"].to_list() == list(range(62)) and told["score"].is_finite().all()


def test_every_format_gives_the_same_rows(table, tmp_path):
    table.write_csv(tmp_path / "a.csv", separator=";")
    (tmp_path / "b.tsv").write_bytes(b"\xef\xbb\xbf" + table.write_csv(separator="\t").encode())
    table.write_ndjson(tmp_path / "c.jsonl")
    table.write_json(tmp_path / "d.json")
    table.write_parquet(tmp_path / "e.parquet")
    table.write_ipc(tmp_path / "f.arrow")
    with sqlite3.connect(tmp_path / "g.sqlite") as base:
        base.execute("create table t (dose real, level real, label text)")
        base.executemany("insert into t values (?, ?, ?)", table.rows())
    base.close()
    for path in sorted(tmp_path.iterdir()):
        (part,) = open_data([path]).data.parts
        assert part.lazy.drop("__row__").collect().equals(table), path


def test_a_matrix_is_vectors(tmp_path):
    np.save(tmp_path / "v.npy", np.ones((5, 3), dtype=np.float32))
    (part,) = open_data([tmp_path / "v.npy"]).data.parts
    assert part.rows == 5 and part.columns["vector"].kind == "vector"


def test_shards_are_one_part_and_splits_are_known_by_name(table, tmp_path):
    for number in range(3):
        table[number * 10 : number * 10 + 10].write_parquet(
            tmp_path / f"train-0000{number}.parquet"
        )
    table[30:].write_parquet(tmp_path / "test-00000.parquet")
    parts = {p.split: p for p in open_data([tmp_path]).data.parts}
    assert parts["train"].rows == 30 and parts["test"].rows == 30
    assert parts["train"].at([12], ["dose"])["dose"].to_list() == [table["dose"][12]]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("bad.parquet", b"PAR1 nothing", "damaged Parquet"),
        ("bad.jsonl", b'{"a": 1}\n{oops\n{"a": 3}\n', "line is no JSON"),
        ("latin.csv", "a,b\nna\u00efve,1\n\u00e9t\u00e9,2\n".encode("latin-1"), "no UTF-8"),
        ("ragged.csv", b"a,b,c\n1,2,3\n4,5\n6,7,8,9\n", "too few fields"),
        ("empty.csv", b"", "is empty"),
        ("what.bin", b"\0\1\2", "no format"),
    ],
)
def test_bad_input_is_one_sentence_and_the_rest_is_scanned(table, tmp_path, name, content, why):
    (tmp_path / name).write_bytes(content)
    table.write_csv(tmp_path / "good.csv")
    findings = scan([tmp_path / name, tmp_path / "good.csv"], select=["missing"])
    told = [s.why for s in findings.skipped if s.rule == "*"]
    assert any(why in sentence for sentence in told) and all("\n" not in s for s in told)
    assert any(p["path"].endswith("good.csv") for p in findings.summary["parts"])


def test_a_column_that_does_not_exist_is_answered_with_the_nearest(repeated):
    with pytest.raises(UsageError, match="did you mean `label`"):
        scan([repeated], roles={"label": "lable"})


def test_a_detector_that_lacks_something_says_so(repeated):
    findings = scan([repeated], select=["group-leak", "time-leak"])
    assert {s.rule for s in findings.skipped} == {"group-leak", "time-leak"}
    assert not findings.ran and all("--" in s.why for s in findings.skipped)


def test_a_folder_of_images_is_a_row_an_image_with_its_class(tmp_path):
    for split, kind in (("train", "cat"), ("train", "dog"), ("test", "cat"), ("test", "dog")):
        (tmp_path / split / kind).mkdir(parents=True)
        (tmp_path / split / kind / "one.pgm").write_text("P2\n1 1\n1\n1\n")
    opened = open_data([tmp_path])
    parts = {p.split: p for p in opened.data.parts}
    assert set(parts) == {"train", "test"} and opened.data.lacks("images") is None
    assert parts["train"].lazy.collect()["class"].to_list() == ["cat", "dog"]
    assert opened.data.role("label") == "class" and opened.data.role("image") == "image"


def test_an_inspect_log_is_a_row_a_sample(tmp_path):
    sample = {
        "id": 7, "epoch": 1, "input": "2+2?", "target": "4", "messages": [{"role": "user"}],
        "output": {"choices": [{"stop_reason": "stop", "message": {"content": "4"}}]},
        "scores": {"match": {"value": "C"}},
    }  # fmt: skip
    with zipfile.ZipFile(tmp_path / "log.eval", "w") as archive:
        archive.writestr("header.json", json.dumps({"eval": {"run_id": "r1", "model": "m"}}))
        archive.writestr("samples/7_epoch_1.json", json.dumps(sample))
    opened = open_data([tmp_path / "log.eval"])
    (part,) = opened.data.parts
    row = part.lazy.collect().row(0, named=True)
    assert (row["run"], row["item"], row["output"], row["score/match"]) == ("r1", "7", "4", "C")
    assert opened.data.lacks("runs") is None and part.facts["model"] == "m"


CHAT = [
    {"role": "user", "content": "How far is the moon from the earth, and who measured it first?"},
    {
        "role": "assistant",
        "content": "It is 384,000 km away. Hipparchus measured it by an eclipse.",
    },
]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".arrow", "-text.jsonl"])
def test_turns_are_found_in_every_format_and_told_by_span(tmp_path, suffix):
    token = "ghp_" + "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY2zA4"
    rows = [
        {"messages": [CHAT[0], {**CHAT[1], "content": f"{CHAT[1]['content']} {i}"}]}
        for i in range(9)
    ]
    rows[4]["messages"][1]["content"] = f"Log in with {token} first."
    path = tmp_path / f"chat{suffix}"
    frame = pl.DataFrame(rows)
    if suffix == "-text.jsonl":
        path.write_text(
            "".join(json.dumps({"messages": json.dumps(r["messages"])}) + "\n" for r in rows)
        )
    else:
        {".jsonl": frame.write_ndjson, ".parquet": frame.write_parquet, ".arrow": frame.write_ipc}[
            suffix
        ](path)
    findings = scan([path], select=["secret"])
    assert findings.summary["roles"] == {"messages": "messages"}
    found = only(findings, "secret")
    assert found.where.spans == [
        {"row": 4, "column": "messages", "turn": 1, "start": 12, "end": 52}
    ]
    assert token not in json.dumps(found.message)


def test_an_item_of_an_evaluation_is_shown_beside_the_row_that_holds_it(tmp_path):
    folder = tmp_path / "data"  # pytest's own folder is named as a test split is
    folder.mkdir()
    train, evals = folder / "mix.jsonl", folder / "gsm.jsonl"
    asked = "A farmer has 48 hens and buys 15 more in Dalby. How many hens has the farmer now?"
    pl.DataFrame({"question": [asked], "answer": ["63"]}).write_ndjson(evals)
    pl.DataFrame({"messages": [CHAT, [{**CHAT[0], "content": asked}, CHAT[1]], CHAT]}).write_ndjson(
        train
    )
    found = only(scan([train, evals], select=["contamination"]), "contamination")
    assert found.where.path.endswith("mix.jsonl") and found.where.rows == [1]
    assert found.severity == "error" and found.related[0].where.path.endswith("gsm.jsonl")
    assert found.evidence["matched"] == [[1, 0, "exact", asked]]


def test_one_address_in_every_row_is_a_note_and_a_persons_a_warning(tmp_path):
    generator = random.Random(0)
    words = "river harbour children lamp story garden window bread winter road music paper".split()
    texts = [" ".join(generator.choices(words, k=20)) + "." for _ in range(100)]
    told = [f"{text} Questions go to help@acme-widgets.com at any time." for text in texts]
    told[17] += " Or write to jane.doe77@gmail.com today."
    path = tmp_path / "mails.jsonl"
    path.write_text("\n".join(json.dumps({"text": text}) for text in told))
    found = scan([path], select=["personal-data"]).findings
    assert [(f.severity, f.where.rows_total) for f in found] == [("warning", 1), ("note", 100)]
    assert found[0].where.rows == [17] and "help@acme-widgets.com" in found[1].message


def test_what_a_test_compares_with_is_no_secret(tmp_path):
    path = tmp_path / "code.jsonl"
    test = (
        "assert md5('password') == '5f4dcc3b5aa765d61d8327deb882cf99'  # of the word as it stands"
    )
    path.write_text(
        "\n".join(json.dumps({"code": f"def check_{i}(md5):\n    {test}"}) for i in range(9))
    )
    assert not scan([path], select=["secret"]).findings


def test_texts_of_one_mould_are_not_cut(tmp_path):
    path = tmp_path / "mould.csv"
    rows = "\n".join(f"text number {i} of some words here,{i % 2}" for i in range(10, 100))
    path.write_text(f"text,label\n{rows}\n")
    assert not scan([path], select=["truncated-text"]).findings


def test_a_preamble_of_several_lines_in_quotes_is_no_part_of_the_table(tmp_path):
    rows = "\n".join(f'{i},"what is {i}, and why?","a.org/{i}\nb.org/{i}"' for i in range(40))
    path = tmp_path / "questions.csv"
    path.write_text(f'"Please read,\nthis is updated weekly.",,\n,,\nid,question,source\n{rows}\n')
    (part,) = open_data([path]).data.parts
    assert part.names == ["id", "question", "source"] and part.rows == 40
