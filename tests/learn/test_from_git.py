"""Habits of a repository's history: planted ones are found, one author's alone, and none in noise."""

import json
import os
import random
import subprocess

import pytest

from labhand.cli import main

SCRIPT = """import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default={lr})
parser.add_argument(
    "--batch-size", type=int,
    default={batch},
)
DROPOUT = {dropout}
"""


class Repository:
    def __init__(self, place):
        self.place, self.count = place, 0
        self.git("init", "-q", "-b", "main")

    def git(self, *words, **more):
        env = {
            **os.environ,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            **more,
        }
        subprocess.run(["git", *words], cwd=self.place, env=env, check=True, capture_output=True)

    def commit(self, files, message, who="ada"):
        self.count += 1
        for name, text in files.items():
            path = self.place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        at = f"{1767225600 + 3600 * self.count} +0000"
        person = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
                  for what, value in (("NAME", who), ("EMAIL", f"{who}@x.org"), ("DATE", at))}  # fmt: skip
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message, **person)


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path)


@pytest.fixture
def learned(tmp_path, capsys):
    def call(*words):
        with pytest.raises(SystemExit) as end:
            main(["learn", *words, "-C", str(tmp_path)])
        out, err = capsys.readouterr()
        if end.value.code:
            return end.value.code, err
        return {h["id"]: h for h in json.loads(out)["habits"]}

    return call


def test_planted_habits_are_found_and_noise_is_not(repository, learned):
    rng = random.Random(1)
    batch, lr = 32, 0.1
    for number in range(40):
        files = {f"{rng.choice('abcdef')}.py": f'NOTE = "{number}"\n'}
        if number % 3 == 0:
            times = rng.choice([2, 0.5])
            batch, lr = int(batch * times) or 1, lr * times
            if batch == 1:
                batch, lr = 64, lr * 64
            files["train.py"] = SCRIPT.format(lr=lr, batch=batch, dropout=0.1)
        if number % 10:
            files["version.txt"] = str(number)
        if rng.random() < 0.3:
            files["notes.md"] = str(number)
        repository.commit(files, f"fix: number {number}")
        if number % 4 == 0:
            repository.commit({"other.txt": str(number)}, f"Other words {number}", who="bob")
    found = learned("--from-git", "--json")
    version = found["version.txt-with-code"]
    assert (version["kind"], version["when"]) == ("files", {"*.py": "changed"})
    assert version["then"] == {"version.txt": "changed"}
    assert (version["support"], version["against"]) == (36, 4)
    assert found["commit-start"]["then"] == {"commit-start": "a small letter"}
    assert "fix: " in found["commit-prefix"]["text"]
    together = found["lr-with-batch-size"]
    assert together["then"] == {"batch_size": "changed"} and "same factor" in together["text"]
    assert not [h for h in found.values() if "notes" in h["text"] or h["kind"] == "next"]
    assert len(together["evidence"][0]) == 10
    kept = learned("--json")
    assert kept == found


def test_a_switch_of_style_is_noticed(repository, learned):
    for number in range(30):
        mark = "'" if number < 15 else '"'
        text = "".join(f"x{n} = {mark}a{n}{mark}\n" for n in range(number + 1))
        repository.commit({"names.py": text.replace("'", mark)}, f"Step {number}.")
    found = learned("--from-git", "--json")
    quotes = found["quotes"]
    assert quotes["then"] == {"quotes": "double"}
    assert "before that it was single" in quotes["text"]
    assert quotes["against"] <= 1 and quotes["since"].startswith("2026-01-01T16")


def test_no_repository_is_told_in_one_sentence(tmp_path, learned):
    code, err = learned("--from-git", "--json")
    assert code == 2 and "git" in err and err.count("\n") == 1
    assert not (tmp_path / ".labhand").exists()
    Repository(tmp_path)
    code, err = learned("--from-git", "--json")
    assert code == 2 and err.count("\n") == 1
