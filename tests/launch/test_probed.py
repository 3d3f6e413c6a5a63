"""The environment that a training is handed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from labhand.launch.probed import BOOT, probed, unprobed


@pytest.mark.parametrize("path", [None, "/a", ":/a", "/a::/b", f"{BOOT}:/a"])
def test_what_was_on_the_path_stays_on_it_the_current_folder_too(
    tmp_path: Path, path: str | None
) -> None:
    env = {"PATH": os.environ["PATH"]} | ({} if path is None else {"PYTHONPATH": path})
    show = [sys.executable, "-c", "import sys; print(sys.path)"]
    for made in (
        unprobed(env),
        probed(env, str(tmp_path)),
        probed(probed(env, "x"), str(tmp_path)),
    ):
        said = subprocess.run(show, env=made, cwd=tmp_path, capture_output=True, check=True).stdout
        plain = {**env, "PYTHONPATH": (path or "").replace(f"{BOOT}:", "")}
        usual = subprocess.run(show, env=plain, cwd=tmp_path, capture_output=True, check=True)
        assert said == usual.stdout


def test_a_run_within_a_run_is_one_of_its_own() -> None:
    outer = probed({}, "/outer", Path("/overlay")) | {
        "LABHAND_FIRST": "1",
        "LABHAND_KEEPER": "2",
        "LABHAND_PIPE": "1:2",
    }
    assert probed(outer, "/inner") == {"PYTHONPATH": BOOT, "LABHAND_ATTEMPT": "/inner"}
    assert unprobed(outer | {"LABHAND_HOME": "/home"}) == {"LABHAND_HOME": "/home"}


def test_what_labhand_starts_itself_is_no_training() -> None:
    assert unprobed(probed({"PYTHONPATH": "/mine", "HOME": "/h"}, "/x")) == {
        "PYTHONPATH": "/mine",
        "HOME": "/h",
    }
    assert unprobed(probed({}, "/x")) == {}
