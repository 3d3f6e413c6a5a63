"""What the tests of launch share."""

import venv
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def person(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person's Python of their own, without pip."""
    folder = tmp_path_factory.mktemp("person") / "venv"
    venv.create(folder, with_pip=False)
    return folder / "bin" / "python"
