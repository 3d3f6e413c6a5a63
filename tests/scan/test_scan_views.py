"""Patches of pictures and of records: what they change in a copy, what they leave, and the way back."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from labhand.core.errors import InputError, UsageError
from labhand.scan import diff, mend, scan, undo
from labhand.scan.opening import open_data

Image = pytest.importorskip("PIL.Image", reason="pillow is not installed")

from test_scan_images import textures  # noqa: E402


def tree(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def pictures(root, number=24):
    paths = []
    for at, image in enumerate(textures(number)):
        paths.append(root / "ab"[at % 2] / f"{at:03}.png")
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        image.save(paths[-1])
    paths[4].write_bytes(paths[4].read_bytes()[:700])
    return paths


def patch_of(findings, rule):
    (found,) = [f for f in findings.findings if f.rule == rule and f.fix]
    return Path(found.fix.patch)


def coco_of(folder, paths):
    told = {
        "images": [{"id": i, "file_name": p.name, "width": 48, "height": 48} for i, p in enumerate(paths)],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1 + i % 2, "bbox": [1, 1, 9, 9]}
            for i in range(len(paths))
        ],
        "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
    }  # fmt: skip
    told["annotations"][7]["bbox"] = [1, 1, -9, 9]
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        shutil.move(path, folder / path.name)
    (folder / "boxes.json").write_text(json.dumps(told))
    return folder / "boxes.json"


def test_a_patch_of_class_folders_is_a_view_without_the_picture_and_back(tmp_path):
    root = tmp_path / "data"
    bad = pictures(root)[4]
    before = tree(root)
    patch = patch_of(scan([root], out=tmp_path / "out"), "unreadable-image")
    assert any("004.png" in line for line in diff(patch))

    assert mend(patch, tmp_path / "view", tmp_path / "home") == 1
    assert tree(root) == before
    left = tree(tmp_path / "view")
    assert left == {k: v for k, v in before.items() if k != bad.relative_to(root)}
    assert len(scan([tmp_path / "view"]).findings) == 0
    with pytest.raises(UsageError, match="there already"):
        mend(patch, tmp_path / "view", tmp_path / "home")

    undo(tmp_path / "view")
    assert tree(tmp_path / "view") == before
    with pytest.raises(InputError, match="not written by a patch"):
        undo(tmp_path / "view")


def test_a_view_that_was_changed_since_is_not_overwritten(tmp_path):
    root = tmp_path / "data"
    pictures(root)
    mend(patch_of(scan([root], out=tmp_path / "o"), "unreadable-image"), tmp_path / "v", tmp_path)
    (tmp_path / "v" / "mine.txt").write_text("x")
    with pytest.raises(InputError, match="changed since"):
        undo(tmp_path / "v")


def test_a_picture_of_another_class_is_linked_there(tmp_path):
    root = tmp_path / "data"
    paths = pictures(root)
    part = open_data([root]).data.parts[0]
    head = {"schema": "labhand.patch/1", "path": str(root), "split": part.split, "rows": part.rows}
    edit = {"row": 0, "op": "edit", "column": "class", "value": "b"}
    (tmp_path / "p.jsonl").write_text(f"{json.dumps(head)}\n{json.dumps(edit)}\n")
    mend(tmp_path / "p.jsonl", tmp_path / "view", tmp_path)
    assert (tmp_path / "view" / "b" / paths[0].name).is_symlink()
    assert not (tmp_path / "view" / "a" / paths[0].name).exists()


@pytest.mark.parametrize("given", ["folder", "file"])
def test_a_patch_of_coco_edits_the_annotations_alone(tmp_path, given):
    root = tmp_path / "data"
    told = coco_of(root, pictures(tmp_path / "raw"))
    before = tree(root)
    source = root if given == "folder" else told
    findings = scan([source], out=tmp_path / "out")
    for rule, images, boxes in (("unreadable-image", 23, 23), ("impossible-value", 24, 23)):
        to = tmp_path / ("view" if given == "folder" else "boxes.json")
        assert mend(patch_of(findings, rule), to, tmp_path / "home") == 1
        made = json.loads((to / "boxes.json" if to.is_dir() else to).read_text())
        assert (len(made["images"]), len(made["annotations"])) == (images, boxes)
        gone = 4 if rule == "unreadable-image" else 7
        assert gone not in {b["image_id"] for b in made["annotations"]}
        assert tree(root) == before
        undo(to)
        assert (tree(to) if to.is_dir() else {Path("boxes.json"): to.read_bytes()}) == {
            k: v for k, v in before.items() if given == "folder" or k.suffix == ".json"
        }
        shutil.rmtree(to) if to.is_dir() else to.unlink()


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_records_that_no_patch_names_are_copied_as_they_stand(tmp_path, suffix):
    rows = [{"q": f"What is {i}?", "a": f"It is {i * i}.", "k": i} for i in range(80)]
    rows[3]["extra"] = {"deep": [1, None]}
    rows += rows[10:12]
    lines = [json.dumps(row) for row in rows]
    path, copy = tmp_path / f"d{suffix}", tmp_path / f"c{suffix}"
    path.write_text("\n".join(lines) if suffix == ".jsonl" else json.dumps(rows))
    patch = patch_of(scan([path], out=tmp_path / "out"), "exact-duplicate")
    assert mend(patch, copy, tmp_path / "home") == 2
    made = copy.read_text()
    assert rows[:80] == (
        json.loads(made) if suffix == ".json" else [*map(json.loads, made.split("\n")[:-1])]
    )
    undo(copy)
    assert copy.read_bytes() == path.read_bytes()


def test_a_patch_of_one_split_of_a_column_keeps_the_others(tmp_path):
    rows = [
        {"x": i * 1.31, "y": i % 7 * 2.2 + i, "split": "train" if i < 60 else "test"}
        for i in range(90)
    ]
    frame = pl.DataFrame([*rows, rows[5], rows[6]])
    frame.write_csv(tmp_path / "d.csv")
    patch = patch_of(scan([tmp_path / "d.csv"], out=tmp_path / "out"), "exact-duplicate")
    mend(patch, tmp_path / "c.csv", tmp_path / "home")
    assert (tmp_path / "c.csv").read_text() == pl.DataFrame(rows).write_csv()


def test_a_patch_of_one_of_several_tables_is_refused_in_a_sentence(tmp_path):
    import sqlite3

    with sqlite3.connect(tmp_path / "d.sqlite") as base:
        for name in ("one", "two"):
            base.execute(f"create table {name} (x real, y text)")
            values = [(i * 1.3, f"word {i}") for i in [*range(60), 4]]
            base.executemany(f"insert into {name} values (?, ?)", values)
    findings = scan([tmp_path / "d.sqlite"], select=["exact-duplicate"], out=tmp_path / "out")
    with pytest.raises(InputError, match="several tables"):
        mend(Path(findings.findings[0].fix.patch), tmp_path / "c.csv", tmp_path / "home")
