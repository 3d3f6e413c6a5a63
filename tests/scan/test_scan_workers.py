"""Several processes, here or on Ray, find what one finds."""

import json
import os
import random
import subprocess
import sys

import polars as pl
import pytest

from labhand.core.errors import UsageError
from labhand.scan import scan


@pytest.fixture
def shards(tmp_path):
    """Texts and numbers in three shards, with rows that repeat across them, and one wrong cell."""
    generator = random.Random(0)
    rows = [
        {
            "dose": round(generator.gauss(5, 1), 3),
            "city": generator.choice(["Rome", "Oslo", "Bern"]),
            "text": " ".join(generator.choice("red green blue warm cold old new".split()) for _ in range(12)),
            "label": generator.choice("ab"),
        }
        for _ in range(240)
    ]  # fmt: skip
    rows[200] = rows[3]
    rows[7] |= {
        "dose": 4000.0,
        "city": "rome",
        "text": "As an AI language model, I cannot do that.",
    }
    folder = tmp_path / "data"
    folder.mkdir()
    for part in range(3):
        pl.DataFrame(rows[part::3]).write_csv(folder / f"part-{part}.csv")
    return folder


def labhand(folder, *words, **env):
    command = [sys.executable, "-m", "labhand", "scan", "data", "--format", "json", *words]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | env, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def test_two_processes_find_what_one_finds(shards, tmp_path):
    one = labhand(tmp_path)
    assert {"exact-duplicate", "impossible-value", "category-variant"} <= {
        f["rule"] for f in one["findings"]
    }
    assert labhand(tmp_path, "--workers", "2") == one


def test_a_ray_cluster_finds_what_one_process_finds(shards, tmp_path, ray):
    assert labhand(tmp_path, "--on", "ray") == labhand(tmp_path)


def test_what_cannot_be_read_is_said_by_workers_too(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and then nothing")
    (tmp_path / "b.csv").write_text("x,y\n1,2\n3,4\n")
    files = [tmp_path / "a.parquet", tmp_path / "b.csv"]
    assert scan(files, workers=2).skipped == scan(files).skipped


def test_a_question_that_is_wrong_is_told_as_by_one_process(tmp_path):
    (tmp_path / "b.csv").write_text("x,y\n1,2\n3,4\n")
    with pytest.raises(UsageError, match="no column is named `z`"):
        scan([tmp_path / "b.csv"], roles={"label": "z"}, workers=2)
