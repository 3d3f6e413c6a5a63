"""Extensions are found by their file name; a broken one never stops the rest."""

import os
import subprocess
import sys

import pytest

from labhand.core import registry
from labhand.core.errors import NotFoundError


@pytest.fixture
def home(tmp_path):
    (tmp_path / "rules").mkdir()
    return tmp_path


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_kind_has_built_in_members_that_load(kind):
    loaded, broken = registry.load_all(kind)
    assert loaded and not broken
    assert all(extension.origin == "built-in" for extension in registry.extensions(kind))


def test_a_file_in_the_project_is_an_extension(home):
    (home / "rules" / "my_own_rule.py").write_text("class Rule:\n    severity = 'note'\n")
    loaded, broken = registry.load_all("rule", home)
    assert loaded["my-own-rule"].severity == "note" and not broken
    assert registry.source_of(registry.find("my-own-rule", home)) == home / "rules/my_own_rule.py"


def test_a_projects_own_beats_the_built_in_of_that_name(home):
    (home / "rules" / "grad_zero_missing.py").write_text("class Rule:\n    mine = True\n")
    loaded, _ = registry.load_all("rule", home)
    assert loaded["grad-zero-missing"].mine


@pytest.mark.parametrize(
    "text", ["raise RuntimeError('boom')", "def (", "", "import no_such_module_at_all"]
)
def test_a_broken_one_is_named_and_the_rest_loads(home, text):
    (home / "rules" / "broken_one.py").write_text(text)
    loaded, broken = registry.load_all("rule", home)
    assert "grad-zero-missing" in loaded
    assert [b.extension.name for b in broken] == ["broken-one"] and broken[0].why


def test_listing_imports_nothing(home):
    (home / "rules" / "loud.py").write_text("raise SystemExit('imported')")
    assert "loud" in [e.name for e in registry.extensions("rule", home)]


def test_an_installed_package_brings_its_own(tmp_path):
    (tmp_path / "theirs.py").write_text("class Rule:\n    severity = 'note'\n")
    told = tmp_path / "theirs-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text("[labhand.rules]\nfrom-outside = theirs:Rule\n")
    look = (
        "from labhand.core import registry; found = registry.find('from-outside'); "
        "print(found.origin, found.load().severity)"
    )
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", look], env=env, capture_output=True, text=True)
    assert done.stdout == "theirs note\n", done.stderr


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(NotFoundError, match="grad-zero-missing"):
        registry.find("grad-zero-mising")
